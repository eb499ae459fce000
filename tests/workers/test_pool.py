from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from app.errors import WorkerStalledError
from app.workers.pool import Pool
from app.workers.worker import ServedModel, Worker

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator


class Slow:
    """A client whose worker doesn't answer in time."""

    @asynccontextmanager
    async def stream(self, url: str, body: bytes) -> AsyncGenerator[AsyncIterator[bytes]]:
        raise WorkerStalledError(f"{url} took {len(body)} bytes and said nothing")
        yield

    async def fetch(self, url: str, *, timeout_s: float) -> bytes:
        raise WorkerStalledError(f"{url} said nothing for {timeout_s} s")


@pytest.mark.parametrize(("in_flight", "stays"), [(3, True), (0, False)])
def test_a_probe_that_is_kept_waiting_takes_down_only_a_worker_that_does_nothing_for_us(
    *, in_flight: int, stays: bool
) -> None:
    worker = Worker(id="w0", locate=lambda: "http://w", models={"m": ServedModel(id="m")}, up=True, in_flight=in_flight)

    async def scenario() -> None:
        async with Pool([worker], Slow(), probe_s=60).watched():
            assert worker.up == stays

    asyncio.run(scenario())
