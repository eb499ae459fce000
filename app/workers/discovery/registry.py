"""Workers that register themselves in Redis (see `Lease`)."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import TYPE_CHECKING, cast

import structlog
from redis.exceptions import RedisError

from app.workers.discovery.entry import MAX_ENTRY_BYTES, Entry, decode
from app.workers.discovery.keys import DEFAULT_PREFIX, Keys
from app.workers.discovery.standing import Standing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from redis.asyncio import Redis

    from app.workers.discovery.base import Announced

MAX_WORKERS = 4_096
MAX_COMPLAINT_CHARS = 200

READ = """
redis.call('SET', KEYS[2], ARGV[1], 'NX')
if redis.call('SCARD', KEYS[1]) > tonumber(ARGV[4]) then
    return redis.error_reply('more than ' .. ARGV[4] .. ' workers are registered')
end
local read = {redis.call('GET', KEYS[2])}
for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do
    local value = redis.pcall('GETRANGE', ARGV[2] .. id, 0, ARGV[3])
    if value == '' then
        redis.call('SREM', KEYS[1], id)
    else
        read[#read + 1] = id
        read[#read + 1] = type(value) == 'string' and value or value.err
    end
end
return read
"""
"""Everything in one question, so that an id whose entry has ended is removed with nobody registering in between.

KEYS: index, since. ARGV: a new text for `since`, what stands before an entry's id, most bytes of an entry, most ids.
What is read: the text that `since` holds, then id and value of each entry.
"""

log = structlog.stdlib.get_logger(__name__)


class Registry:
    """The registered workers, asked for every `every_s` seconds; which leases are over is for Redis' clock to say.

    Where Redis can't be asked, what it last said stands. Once it can be again, or has lost what it knew, it may know
    only some of the workers that are alive: each other one stands for the length of its lease, in which it will have
    registered again.
    """

    def __init__(self, redis: Redis, *, prefix: str = DEFAULT_PREFIX, every_s: float = 1.0) -> None:
        self.name = "registry"
        self.standing = Standing(self.name)
        self._keys = Keys(prefix)
        self._read = redis.register_script(READ)
        self._every_s = every_s
        self._since: bytes | None = None
        self._entries: dict[str, Entry] = {}
        self._stands_until: dict[str, float] = {}
        self._skipped: dict[str, bytes] = {}

    async def watch(self) -> AsyncIterator[Sequence[Announced]]:
        """Yield the workers after the first look, whatever came of it, and after each change."""
        said = None
        while True:
            await self._look()
            workers = tuple(self._entries[id_].worker for id_ in sorted(self._entries))
            if workers != said:
                said = workers
                yield said
            await asyncio.sleep(self._every_s)

    async def _look(self) -> None:
        arguments = [uuid.uuid4().hex, self._keys.entries, MAX_ENTRY_BYTES, MAX_WORKERS]
        try:
            answer = await self._read(keys=[self._keys.index, self._keys.since], args=arguments)
        except (RedisError, OSError) as error:
            self.standing.failed(str(error) or type(error).__name__)
            self._since = None
            return
        self.standing.answered()
        since, *pairs = cast("list[bytes]", answer)
        self._take(since, dict(self._readable(pairs)))

    def _take(self, since: bytes, entries: dict[str, Entry]) -> None:
        now = time.monotonic()
        if since != self._since:
            self._since = since
            self._stands_until = {id_: now + entry.lease_s for id_, entry in self._entries.items()}
        for id_ in entries:
            self._stands_until.pop(id_, None)
        self._stands_until = {id_: until for id_, until in self._stands_until.items() if now < until}
        self._entries = {id_: self._entries[id_] for id_ in self._stands_until} | entries

    def _readable(self, pairs: Sequence[bytes]) -> Iterator[tuple[str, Entry]]:
        """Yield id and entry of those that can be read; each of the others is told of once."""
        skipped: dict[str, bytes] = {}
        for raw, value in zip(pairs[::2], pairs[1::2], strict=True):
            id_ = raw.decode(errors="replace")
            try:
                yield id_, entry_of(id_, value)
            except ValueError as error:
                skipped[id_] = value
                if self._skipped.get(id_) != value:
                    reason = str(error)[:MAX_COMPLAINT_CHARS]
                    log.warning("registered worker skipped", id=without_user(id_)[:MAX_COMPLAINT_CHARS], reason=reason)
        self._skipped = skipped


def without_user(id_: str) -> str:
    """Return an id with stars for what may be user and password: all before the last @, but the scheme."""
    before, at, host = id_.rpartition("@")
    scheme = next((one for one in ("http://", "https://") if before.startswith(one)), "")
    return f"{scheme}***@{host}" if at else id_


def entry_of(id_: str, value: bytes) -> Entry:
    """Read an entry; raises ValueError where it is none, or that of another worker."""
    entry = decode(value)
    if entry.url != id_:
        raise ValueError("it is for another address than its key")
    return entry
