"""Redis as all of Quorum uses it: asked with a time limit, and never twice for one question."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from redis.asyncio import Redis

CONNECT_S = 2.0
ANSWER_S = 2.0
SCHEMES = ("redis://", "rediss://", "unix://")
REFUSED = "this is no address of a Redis; write redis://HOST:PORT/NUMBER, rediss:// for TLS, or unix:///PATH"
ENCODED = "a password's own / ? # @ : % are written %2F %3F %23 %40 %3A %25"
NUMBER = re.compile(r"/?[0-9]*")


def connect(url: str) -> Redis:
    """Return a client of the Redis at `url`; it connects when it is first asked, and again after each interruption.

    A question fails with redis' `RedisError`, within `CONNECT_S` and `ANSWER_S` seconds; whoever asks knows best when
    to ask again. Raises ValueError, which doesn't repeat the URL, where that is none of Redis: it may hold a password.
    """
    from redis.asyncio import Redis  # noqa: PLC0415 - takes a fifth of a second, which few have a use for
    from redis.asyncio.retry import Retry  # noqa: PLC0415
    from redis.backoff import NoBackoff  # noqa: PLC0415

    return Redis.from_url(  # pyright: ignore[reportUnknownMemberType] - its keywords have no types
        checked_url(url),
        socket_connect_timeout=CONNECT_S,
        socket_timeout=ANSWER_S,
        retry=Retry(NoBackoff(), 0),
    )


def checked_url(url: str) -> str:
    """Return `url`. Raises ValueError, which doesn't repeat it, where it is no address that redis can connect to."""
    if not url.startswith(SCHEMES) or url in SCHEMES or not url.isprintable() or " " in url:
        raise ValueError(REFUSED)
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError itself where that is no port
    except ValueError:
        raise ValueError(f"{REFUSED}; {ENCODED}") from None
    if parts.fragment or not (parts.path if parts.scheme == "unix" else NUMBER.fullmatch(parts.path)):
        raise ValueError(f"{REFUSED}; {ENCODED}")
    if parts.query:
        _check_options(url)
    return url


def _check_options(url: str) -> None:
    """Make sure that redis knows what stands behind the `?`: it would raise TypeError when it is first asked."""
    from redis.asyncio import ConnectionPool  # noqa: PLC0415 - as above

    try:
        pool = ConnectionPool.from_url(url)  # pyright: ignore[reportUnknownMemberType] - as above
        pool.make_connection()  # which doesn't connect yet
    except (TypeError, ValueError):
        raise ValueError("the address of the Redis has an option, behind its ?, that redis doesn't know") from None
