"""A worker's place in the registry, for as long as it renews it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

import structlog
from redis.exceptions import RedisError

from app.workers.discovery.entry import Entry, encode
from app.workers.discovery.keys import DEFAULT_PREFIX, Keys
from app.workers.discovery.standing import Standing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from redis.asyncio import Redis

    from app.workers.discovery.base import Announced

DEFAULT_LEASE_S = 15.0
RETRY_S = 1.0

log = structlog.stdlib.get_logger(__name__)


class Lease:
    """Registers a worker in Redis from the entry of the context to its exit.

        async with Lease(redis, Announced(url="http://10.0.0.7:8000"), 15.0):
            ...

    The entry lives for `seconds`, by Redis' own clock, and is renewed at a third of that; where Redis can't be reached,
    it is tried again every second, so a Redis that was restarted empty knows the worker soon. On leaving, the entry is
    removed; where that fails, or this process is killed, it ends by itself. Two leases for one URL share one entry.
    Raises ValueError where the worker can't be registered, whatever Redis says. Enter and exit in the same task.
    """

    def __init__(
        self,
        redis: Redis,
        announced: Announced,
        seconds: float = DEFAULT_LEASE_S,
        *,
        models: Iterable[str] = (),
        prefix: str = DEFAULT_PREFIX,
    ) -> None:
        entry = Entry.of(announced, models=tuple(models), lease_s=seconds)
        self.standing = Standing("registry")
        self._redis = redis
        self._id = entry.url
        self._value = encode(entry)
        self._seconds = seconds
        self._keys = Keys(prefix)
        self._group = asyncio.TaskGroup()
        self._keeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._renew()
        except BaseException:  # cancelled when it may be written already, and nobody will leave what was not entered
            await self._remove()
            raise
        await self._group.__aenter__()
        self._keeper = self._group.create_task(self._keep(), name="lease")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
        try:
            await self._remove()
        finally:
            await self._group.__aexit__(None, None, None)  # the body's own error passes by, not wrapped in a group

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._seconds / 3 if self.standing.up else min(RETRY_S, self._seconds / 3))
            await self._renew()

    async def _renew(self) -> None:
        """Write the entry; where Redis can't be reached, say so and leave it."""
        try:
            async with self._redis.pipeline(transaction=True) as together:
                together.set(self._keys.entry(self._id), self._value, px=round(self._seconds * 1_000))
                together.sadd(self._keys.index, self._id)
                await together.execute()
        except (RedisError, OSError) as error:
            self.standing.failed(str(error) or type(error).__name__)
        else:
            self.standing.answered()

    async def _remove(self) -> None:
        try:
            async with self._redis.pipeline(transaction=True) as together:
                together.delete(self._keys.entry(self._id))
                together.srem(self._keys.index, self._id)
                await together.execute()
        except (RedisError, OSError) as error:
            reason = str(error) or type(error).__name__
            log.warning("lease not taken back", worker=self._id, reason=reason, ends_in_s=self._seconds)
