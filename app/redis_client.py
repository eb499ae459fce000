"""Redis as all of Quorum uses it: asked with a time limit, and never twice for one question."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redis.asyncio import Redis

CONNECT_S = 2.0
ANSWER_S = 2.0
SCHEMES = ("redis://", "rediss://", "unix://")
REFUSED = "this is no address of a Redis; write redis://HOST:PORT/NUMBER, rediss:// for TLS, or unix:///PATH"


def connect(url: str) -> Redis:
    """Return a client of the Redis at `url`; it connects when it is first asked, and again after each interruption.

    A question fails with redis' `RedisError`, within `CONNECT_S` and `ANSWER_S` seconds; whoever asks knows best when
    to ask again. Raises ValueError, which doesn't repeat the URL, where that is none of Redis: it may hold a password.
    """
    from redis.asyncio import Redis  # noqa: PLC0415 - takes a fifth of a second, which few have a use for
    from redis.asyncio.retry import Retry  # noqa: PLC0415
    from redis.backoff import NoBackoff  # noqa: PLC0415

    try:
        return Redis.from_url(  # pyright: ignore[reportUnknownMemberType] - its keywords have no types
            checked_url(url),
            socket_connect_timeout=CONNECT_S,
            socket_timeout=ANSWER_S,
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError:
        raise ValueError(REFUSED) from None


def checked_url(url: str) -> str:
    """Return `url`. Raises ValueError, which doesn't repeat it, where its scheme isn't one of Redis."""
    if not url.startswith(SCHEMES) or url in SCHEMES:
        raise ValueError(REFUSED)
    return url
