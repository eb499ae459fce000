"""One run's share of the sandbox, so that a run with a thousand programs doesn't keep the others waiting."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.sandbox.base import Ended, Limits, Program, Sandbox

AT_ONCE = 4
"""Programs of one run that stand in the sandbox's queue, or run: enough to keep a few CPUs busy."""


class Turns:
    """The sandbox as one run sees it: implements `app.sandbox.base.Sandbox`.

    The sandbox takes programs in the order of asking, whoever asks. A run lets no more than a few of its own ask at a
    time, so that runs take turns, each waiting behind a few programs of every other.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._own = asyncio.Semaphore(AT_ONCE)

    @property
    def ceilings(self) -> Limits:
        """The sandbox's own."""
        return self._sandbox.ceilings

    @property
    def running(self) -> int:
        """How many programs run now, of all runs."""
        return self._sandbox.running

    @property
    def waiting(self) -> int:
        """How many programs wait for their turn in the sandbox, of all runs."""
        return self._sandbox.waiting

    async def check(self) -> None:
        """Make sure that programs can be isolated here. Raises `SandboxUnavailableError`."""
        await self._sandbox.check()

    async def run(self, program: Program) -> Ended:
        """Run a program once it is this run's turn."""
        async with self._own:
            return await self._sandbox.run(program)
