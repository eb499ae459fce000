"""How gateways get to know of a worker: by its lease in Redis, or by somebody who reads a line."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from app.redis_client import connect
from app.workers.discovery.keys import DEFAULT_PREFIX
from app.workers.discovery.lease import DEFAULT_LEASE_S, Lease

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from app.workers.discovery.base import Announced

LOOK_S = 0.2
"""Seconds between two looks at whether Redis has taken the worker in."""

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registering:
    """Registers a worker in the Redis at `redis_url`, under `prefix`, for as long as the context lasts."""

    announced: Announced
    redis_url: str
    prefix: str = DEFAULT_PREFIX
    lease_s: float = DEFAULT_LEASE_S

    @asynccontextmanager
    async def __call__(self, models: tuple[str, ...]) -> AsyncGenerator[None]:
        """Hold the lease, and say in the log when the worker is registered for the first time."""
        redis = connect(self.redis_url)
        try:
            async with (
                Lease(redis, self.announced, self.lease_s, models=models, prefix=self.prefix) as lease,
                asyncio.TaskGroup() as group,
            ):
                telling = group.create_task(self._tell(lease, models))
                try:
                    yield
                finally:
                    telling.cancel()
        finally:
            await redis.aclose()

    async def _tell(self, lease: Lease, models: tuple[str, ...]) -> None:
        """Say that the worker is registered, once it is."""
        if not lease.standing.up:
            log.warning("worker not registered yet", url=self.announced.url, hint="Redis is asked again every second")
        while not lease.standing.up:  # noqa: ASYNC110 - a lease has no event for it
            await asyncio.sleep(LOOK_S)
        log.info("worker registered", worker=self.announced.name, url=self.announced.url, models=models)


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """Prints what to start a gateway with."""

    announced: Announced

    @asynccontextmanager
    async def __call__(self, models: tuple[str, ...]) -> AsyncGenerator[None]:
        """Print it once; whoever reads it stays informed."""
        sys.stdout.write(f"{', '.join(models)} can be served now: quorum serve --worker {self.announced.url}\n")
        sys.stdout.flush()
        yield
