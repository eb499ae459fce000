"""Reading a source in tests."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from app.workers.discovery.base import Announced, Source


class Watched:
    """What a source has said so far."""

    def __init__(self) -> None:
        self.said: list[Sequence[Announced]] = []
        self._news = asyncio.Condition()

    @property
    def urls(self) -> list[str]:
        """The addresses that it said last."""
        return [worker.url for worker in self.said[-1]]

    async def take(self, workers: Sequence[Announced]) -> None:
        """Take down what it says."""
        async with self._news:
            self.said.append(workers)
            self._news.notify_all()

    async def until(self, holds: Callable[[Watched], bool]) -> None:
        """Return once it has said what `holds` is looking for; pytest's time-out ends the waiting."""
        async with self._news:
            await self._news.wait_for(lambda: bool(self.said) and holds(self))


@asynccontextmanager
async def watching(source: Source) -> AsyncGenerator[Watched]:
    """Read the source for as long as the context lasts."""
    watched = Watched()

    async def read() -> None:
        async for workers in source.watch():
            await watched.take(workers)

    async with asyncio.TaskGroup() as group:
        reading = group.create_task(read())
        try:
            await watched.until(lambda _: True)
            yield watched
        finally:
            reading.cancel()


async def until(holds: Callable[[], bool]) -> None:
    """Return once something holds that sets no event; pytest's time-out ends the waiting."""
    while not holds():  # noqa: ASYNC110 - see above
        await asyncio.sleep(0.01)
