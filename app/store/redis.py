"""Runs in Redis, where every gateway finds them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog
from redis.exceptions import RedisError

from app.redis_use import RedisUse, reason_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from redis.asyncio import Redis

FORGET_S = 24 * 3_600
"""Seconds after the last run of all gateways until all of them are forgotten."""

WAITING = 256
"""Records that may wait to be written, before further ones are lost."""

WAITING_BYTES = 32 * 1024 * 1024
LAST_S = 1.0
"""Seconds for what waits to be written when the server ends."""

PUT = """
if redis.call('EXISTS', KEYS[1], KEYS[2], KEYS[3]) < 3 then
    redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
end
local bytes = redis.call('INCRBY', KEYS[3], #ARGV[2] - redis.call('HSTRLEN', KEYS[1], ARGV[1]))
if redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) == 1 then
    redis.call('RPUSH', KEYS[2], ARGV[1])
end
while redis.call('LLEN', KEYS[2]) > tonumber(ARGV[3]) or bytes > tonumber(ARGV[4]) do
    local oldest = redis.call('LPOP', KEYS[2])
    if not oldest then
        break
    end
    bytes = redis.call('DECRBY', KEYS[3], redis.call('HSTRLEN', KEYS[1], oldest))
    redis.call('HDEL', KEYS[1], oldest)
end
for _, key in ipairs(KEYS) do
    redis.call('EXPIRE', key, ARGV[5])
end
return bytes
"""
"""Keeps a record and lets go of the oldest that are too many, in one step.

KEYS: records by id, ids in their order, bytes of all records. If Redis has dropped one of them, the others go, too.
ARGV: id, record, most records, most bytes, seconds until all are forgotten.
"""

log = structlog.stdlib.get_logger(__name__)


class RedisRunStore:
    """Keeps the most recent runs of all gateways together: at most `keep`, and at most `max_bytes`.

    Records are written beside the requests, which never wait for it, while `writing` lasts. Where Redis is down, or
    too slow to keep up, they are lost, and `use` counts them.
    """

    def __init__(self, redis: Redis, *, prefix: str, keep: int, max_bytes: int) -> None:
        self.use = RedisUse("runs", meanwhile="a run is found where it was answered only")
        self._redis = redis
        self._records = f"{prefix}:runs"
        self._keys = (self._records, f"{prefix}:runs:order", f"{prefix}:runs:bytes")
        self._put = redis.register_script(PUT)
        self._bounds = (keep, max_bytes, FORGET_S)
        self._max_bytes = max_bytes
        self._queue = asyncio.Queue[tuple[str, bytes]](WAITING)
        self._waiting_bytes = 0

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[None]:
        """Write what is put for as long as the context lasts, and then, if it takes no time, what waits still."""
        async with asyncio.TaskGroup() as group:
            writer = group.create_task(self._write_all())
            try:
                yield
                await self._finish()
            finally:
                writer.cancel()

    async def put(self, run_id: str, record: bytes) -> None:
        """Have `record` written soon; one that is larger than the whole store is not kept."""
        if len(record) > self._max_bytes or not self._bounds[0]:
            return
        if self._queue.full() or self._waiting_bytes + len(record) > WAITING_BYTES:
            self.use.failed("records come faster than Redis takes them")
            return
        self._waiting_bytes += len(record)
        self._queue.put_nowait((run_id, record))

    async def get(self, run_id: str) -> bytes | None:
        """Return the record of `run_id`; None where there is none, or Redis can't be asked."""
        try:
            record: bytes | None = await self._redis.hget(self._records, run_id)  # pyright: ignore - its types are of both kinds of client
        except (RedisError, OSError) as error:
            self.use.failed(reason_of(error))
            return None
        self.use.answered()
        return record

    async def _write_all(self) -> None:
        while True:
            records = [await self._queue.get()]
            while not self._queue.empty():
                records.append(self._queue.get_nowait())
            try:
                await self._write(records)
            except (RedisError, OSError) as error:
                self.use.failed(reason_of(error), times=len(records))
            else:
                self.use.answered()
            for _, record in records:
                self._waiting_bytes -= len(record)
                self._queue.task_done()

    async def _write(self, records: Sequence[tuple[str, bytes]]) -> None:
        """Write records in one exchange: on a busy event loop each takes its time."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for run_id, record in records:
                await self._put(keys=self._keys, args=(run_id, record, *self._bounds), client=pipe)
            await pipe.execute()

    async def _finish(self) -> None:
        try:
            async with asyncio.timeout(LAST_S):
                await self._queue.join()
        except TimeoutError:
            log.warning("runs not kept", runs=self._queue.qsize(), reason="Redis didn't take them in time")
