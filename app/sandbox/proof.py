"""Making sure of something once, rather than again for every program."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from app.errors import SandboxUnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_RETRY_S = 5.0


class Proof:
    """A check that isn't repeated once it has passed, nor, for five seconds, after it has failed.

    `prove` raises `SandboxUnavailableError` where it fails; what else it raises is not remembered.
    """

    def __init__(self, prove: Callable[[], Awaitable[None]]) -> None:
        self._prove = prove
        self._turn = asyncio.Lock()
        self._passed = False
        self._failure: SandboxUnavailableError | None = None
        self._failed_at = 0.0

    async def hold(self) -> None:
        """Return where the check passes; callers at the same time share one check."""
        if self._passed:
            return
        async with self._turn:
            if self._passed:
                return
            if self._failure is not None and time.monotonic() - self._failed_at < _RETRY_S:
                raise SandboxUnavailableError(self._failure.message)
            await self._attempt()

    async def _attempt(self) -> None:
        try:
            await self._prove()
        except SandboxUnavailableError as error:
            self._failure = error
            self._failed_at = time.monotonic()
            raise
        self._passed = True
