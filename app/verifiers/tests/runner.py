"""All tests of one candidate, side by side in the sandbox."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from app.side_by_side import side_by_side
from app.verifiers.tests.jobs import job
from app.verifiers.tests.outcomes import Outcome, not_run, outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.sandbox.base import Ended, Sandbox
    from app.verifiers.tests.cases import AnyCase
    from app.verifiers.tests.jobs import Job, Manner

SIDE_BY_SIDE = 4
"""Tests of one candidate that run, or wait for the sandbox, at the same time, so that others get their turn.

Each that waits holds its input in memory; the candidate's code they share.
"""

MAX_TIMEOUTS = 3
"""Time-outs after which a candidate's remaining tests are left out, so that one that loops for ever fails in time."""

_INLINE_BYTES = 8_192


class Runner:
    """Runs the tests of one candidate's code.

    Each is a run of the sandbox by itself, as limits are meant for one test, and nothing that one leaves behind may
    help or harm the next.
    """

    def __init__(self, code: str, manner: Manner, sandbox: Sandbox) -> None:
        self._code = code.encode(errors="replace")
        self._manner = manner
        self._sandbox = sandbox
        self._turn = asyncio.Semaphore(SIDE_BY_SIDE)
        self._timeouts = 0

    async def outcomes(self, cases: Sequence[AnyCase]) -> list[Outcome]:
        """Return what came of the tests, in their order. Raises `SandboxError` where one could not be run."""
        return await side_by_side(partial(self._outcome, case) for case in cases)

    async def _outcome(self, case: AnyCase) -> Outcome:
        async with self._turn:
            todo = job(case, self._code, self._manner)
            if self._timeouts >= MAX_TIMEOUTS:
                return not_run(todo, f"was not run, as {MAX_TIMEOUTS} tests had run out of time.")
            ended = await self._sandbox.run(todo.program())
            told = await _judged(todo, ended)
            self._timeouts += told.timed_out
        return told


async def _judged(todo: Job, ended: Ended) -> Outcome:
    """Return the outcome, found in a thread where the program printed much."""
    if len(ended.stdout) <= _INLINE_BYTES:
        return outcome(todo, ended)
    return await asyncio.to_thread(outcome, todo, ended)
