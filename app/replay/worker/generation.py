"""One completion while it is generated."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Generation:
    """Generates `tokens` tokens, `rate` a second from the moment that it is made, and hands them out in pieces."""

    def __init__(self, tokens: int, *, rate: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._begun = self._loop.time()
        self._tokens = tokens
        self._rate = rate
        self._said = 0

    @property
    def generated(self) -> int:
        """Tokens that there are by now, whether or not they were handed out."""
        return max(self._said, min(self._tokens, int((self._loop.time() - self._begun) * self._rate)))

    async def pieces(self, size: int, ended: asyncio.Event) -> AsyncIterator[tuple[int, int]]:
        """Yield (start, end) of each piece as it is due, until `ended`.

        A piece has `size` tokens, or more where the machine was late; the last one has what is left.
        """
        while self._said < self._tokens:
            start, due = self._said, min(self._tokens, self._said + size)
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._begun + due / self._rate):
                    await ended.wait()
                    return
            self._said = max(due, self.generated)
            yield start, self._said
