"""How gateways get to know of a worker: by its lease in Redis, or by somebody who reads a line."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.redis_client import connect
from app.workers.discovery.keys import DEFAULT_PREFIX
from app.workers.discovery.lease import DEFAULT_LEASE_S, Lease

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from app.workers.discovery.base import Announced


@dataclass(frozen=True, slots=True, kw_only=True)
class Registering:
    """Registers a worker in the Redis at `redis_url`, under `prefix`, for as long as the context lasts."""

    announced: Announced
    redis_url: str
    prefix: str = DEFAULT_PREFIX
    lease_s: float = DEFAULT_LEASE_S

    @asynccontextmanager
    async def __call__(self, models: tuple[str, ...]) -> AsyncGenerator[None]:
        """Hold the lease."""
        redis = connect(self.redis_url)
        try:
            async with Lease(redis, self.announced, self.lease_s, models=models, prefix=self.prefix):
                yield
        finally:
            await redis.aclose()


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
