"""Workers that are listed: by the configuration, or at run time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from app.workers.discovery.standing import Standing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from app.workers.discovery.base import Announced


class Urls:
    """A list of workers, which may be replaced; it can always be asked."""

    def __init__(self, workers: Iterable[Announced] = (), *, name: str = "urls") -> None:
        self.name = name
        self.standing = Standing(name)
        self._workers = tuple(workers)
        self._changed = asyncio.Event()

    def replace(self, workers: Iterable[Announced]) -> None:
        """Let the list be these workers from now on; call it on the event loop of the reader."""
        new = tuple(workers)
        if new != self._workers:
            self._workers = new
            self._changed.set()

    async def watch(self) -> AsyncIterator[Sequence[Announced]]:
        """Yield the list, and each that takes its place."""
        while True:
            self._changed.clear()
            yield self._workers
            await self._changed.wait()
