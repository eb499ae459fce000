"""The loop of a run: ask, take in what comes back, and see whether that is enough."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

if TYPE_CHECKING:
    from app.assessor import Assessor
    from app.board import Board
    from app.candidates import Candidate
    from app.events import Observer
    from app.job import Job
    from app.run import Run

BUDGET = "budget"
DEADLINE = "deadline"


class Gathering(msgspec.Struct, frozen=True, kw_only=True):
    """Gathers the candidates of one run on its board, in a dialogue between the strategy and the run.

    `deadline` is in the event loop's time; `out_of` says what has run out when it has passed: `DEADLINE` or `BUDGET`.
    """

    job: Job
    run: Run
    board: Board
    assessor: Assessor
    observer: Observer
    deadline: float
    out_of: str

    async def gather(self) -> str | None:
        """Gather until nothing is left to ask, or something ends the run before that: return what.

        What is back when a stop rule fires, or when time or budget has run out, counts, also where its news came too
        late. So a rule ends the run only if it still does when that has been taken in.
        """
        self._ask()
        while candidate := await self.run.next():
            await self._take(candidate)
            if self.board.stopped_by:
                await self._take_ready()
            if self.board.stopped_by:
                return self.board.stopped_by
            if self.run.expired or self.run.overspent:
                break
            self._ask()
        await self._take_ready()
        return self.out_of if self.run.expired else BUDGET if self.run.short_of_budget else None

    def _ask(self) -> None:
        """Draw what the strategy wants next."""
        self.run.draw(self.job.strategy.next(self.board.history))

    async def _take_ready(self) -> None:
        """Take in what is back by now; what comes while that is placed would put the end off."""
        for candidate in list(iter(self.run.ready, None)):
            await self._take(candidate)

    async def _take(self, candidate: Candidate) -> None:
        """Place a candidate that is back on the board, and tell of it."""
        placed = await self._placed(candidate)
        self.board.add(placed)
        await self.observer.came_back(placed, back=len(self.board.back), draws=self.board.draws)

    async def _placed(self, candidate: Candidate) -> Candidate:
        """Return the candidate among the others; comparing answers may take long, and must not outlast the run."""
        if not self.assessor.compares(candidate):
            return await self.assessor.place(candidate, self.board.finished)
        try:
            async with asyncio.timeout_at(self.deadline):
                return await self.assessor.place(candidate, self.board.finished)
        except TimeoutError:
            return replace(candidate, rejection="not compared in time")
