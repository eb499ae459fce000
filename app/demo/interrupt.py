"""Ctrl-C while a server runs in the same process: the work ends at once, and the server in good order after it."""

from __future__ import annotations

import asyncio
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupt:
    """Takes SIGINT and SIGTERM while it is listening. `came` tells whether there was one."""

    def __init__(self) -> None:
        self.came = False
        self._work: asyncio.Task[None] | None = None

    @contextmanager
    def listening(self) -> Generator[Self]:
        """Take the signals for as long as the context lasts."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._interrupt)
        try:
            yield self
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)

    async def ends(self, work: Coroutine[None, None, None]) -> None:
        """Run `work`, until a signal cancels it; after a signal, not at all.

        What it raises comes in an exception group.
        """
        async with asyncio.TaskGroup() as group:
            self._work = group.create_task(work)
            if self.came:
                self._work.cancel()
            await asyncio.wait({self._work})

    def _interrupt(self) -> None:
        self.came = True
        if self._work is not None:
            self._work.cancel()
