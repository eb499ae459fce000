"""The address of a worker."""

from __future__ import annotations

from urllib.parse import urlsplit

MAX_PORT = 65_535


def address(url: str) -> str:
    """Return `url` without trailing slash and `/v1`; a path before that stays, as workers may stand behind a proxy.

    Raises ValueError where it isn't the address of an HTTP server, or holds a user or password: addresses are logged,
    and their secrets would not be sent. The message doesn't repeat the address.
    """
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise ValueError("an address of a worker holds a user or password; set worker_api_key instead")
    if parts.scheme not in {"http", "https"} or not parts.hostname or not url.isascii() or not url.isprintable():
        raise ValueError("an address of a worker is http://HOST:PORT or https://HOST:PORT")
    if parts.query or parts.fragment or " " in url:
        raise ValueError("an address of a worker has no query, fragment or spaces")
    _ = parts.port  # raises ValueError itself where that is no port
    return url.rstrip("/").removesuffix("/v1").rstrip("/")
