"""The address of a worker."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from app.loopback import is_ip

if TYPE_CHECKING:
    from urllib.parse import SplitResult

MAX_PORT = 65_535
MAX_NAME_CHARS = 253
MAX_PART_CHARS = 63
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""What a name can't end with: it would be read as an address of IPv4."""


def address(url: str) -> str:
    """Return `url` without trailing slash and `/v1`; a path before that stays, as workers may stand behind a proxy.

    Raises ValueError where it isn't the address of an HTTP server, or holds a user or password: addresses are logged,
    and their secrets would not be sent. The message doesn't repeat the address.
    """
    parts = _split(url)
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise ValueError("an address of a worker holds a user or password; set worker_api_key instead")
    if parts.scheme not in {"http", "https"} or not parts.hostname or not url.isascii() or not url.isprintable():
        raise ValueError("an address of a worker is http://HOST:PORT or https://HOST:PORT")
    if parts.query or parts.fragment or " " in url:
        raise ValueError("an address of a worker has no query, fragment or spaces")
    if not _is_host(parts.hostname):
        raise ValueError(
            f"the host of a worker's address is an IP address, or a name of at most {MAX_NAME_CHARS} characters, "
            f"with 1 to {MAX_PART_CHARS} between its dots"
        )
    return url.rstrip("/").removesuffix("/v1").rstrip("/")


def _split(url: str) -> SplitResult:
    """Return the parts of an address, the port among them. Raises ValueError; Python's own repeats the address."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError(
            f"an address of a worker is http://HOST:PORT or https://HOST:PORT, PORT up to {MAX_PORT}"
        ) from None
    return parts


def _is_host(host: str) -> bool:
    """Whether it is an address of IPv4 or IPv6, or could be a name in DNS."""
    if is_ip(host):
        return True
    name = host.removesuffix(".")
    parts = name.split(".")
    if ":" in host or len(name) > MAX_NAME_CHARS or not all(1 <= len(part) <= MAX_PART_CHARS for part in parts):
        return False
    return NUMBER.fullmatch(parts[-1]) is None
