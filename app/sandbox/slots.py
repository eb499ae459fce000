"""Room for a few sandboxes at once, taken in the order of asking."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from app.errors import SandboxBusyError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class Slots:
    """At most `count` are taken at a time, and at most `max_waiting` callers wait for one."""

    def __init__(self, count: int, *, max_waiting: int) -> None:
        self._count = count
        self._max_waiting = max_waiting
        self._free = deque(range(count))
        self._turn = asyncio.Semaphore(count)
        self.waiting = 0

    @property
    def running(self) -> int:
        """How many slots are taken."""
        return self._count - len(self._free)

    @asynccontextmanager
    async def one(self) -> AsyncGenerator[int]:
        """Take a slot, whose number is its holder's alone. Raises `SandboxBusyError` where too many wait already."""
        if self._turn.locked() and self.waiting >= self._max_waiting:
            raise SandboxBusyError(f"{self.waiting} programs wait for a sandbox already.", retry_after_s=1)
        self.waiting += 1
        try:
            await self._turn.acquire()
        finally:
            self.waiting -= 1
        number = self._free.popleft()
        try:
            yield number
        finally:
            self._free.append(number)
            self._turn.release()
