from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from app.board import Board
from app.candidates import Ask, Candidate
from app.events import Nobody
from app.gathering import Gathering
from app.job import Job
from app.stopping.beta import Beta
from app.strategies.parallel import Parallel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.assessor import Assessor
    from app.run import Run


class Arrivals:
    """A run whose candidates come back in batches, those of one batch at the same moment."""

    expired = overspent = short_of_budget = False

    def __init__(self, *batches: Sequence[Candidate]) -> None:
        self.asked: list[Ask] = []
        self._batches = list(batches)
        self._back: list[Candidate] = []

    def draw(self, asks: Sequence[Ask]) -> None:
        self.asked += asks

    async def next(self) -> Candidate | None:
        await asyncio.sleep(0)
        if not self._back:
            self.arrive()
        return self.ready()

    def ready(self) -> Candidate | None:
        return self._back.pop(0) if self._back else None

    def arrive(self) -> None:
        """Let the next batch come back."""
        if self._batches:
            self._back += self._batches.pop(0)


class AsTheyAre:
    """An assessor that finds nothing out, and may be so `slow` about it that the next batch comes back meanwhile."""

    def __init__(self, run: Arrivals, *, slow: bool) -> None:
        self._run = run
        self._slow = slow

    def compares(self, candidate: Candidate) -> bool:
        return candidate.answer is not None

    async def place(self, candidate: Candidate, earlier: Sequence[Candidate]) -> Candidate:
        await asyncio.sleep(0)
        assert candidate not in earlier
        if self._slow:
            self._run.arrive()
        return candidate


def votes(*clusters: int, first: int) -> list[Candidate]:
    return [Candidate(index=first + place, finish_reason="stop", cluster=one) for place, one in enumerate(clusters)]


def gathered(*batches: Sequence[Candidate], slow: bool = False) -> tuple[str | None, int]:
    """Return what ended the run, and how many candidates were back by then."""

    async def scenario() -> tuple[str | None, int]:
        strategy = Parallel(n=8, stop=Beta(confidence=0.75))
        job = Job(
            run_id="run_1", model="m", messages=[], strategy=strategy, selected_by="body", arrived=0.0, deadline_s=9.0
        )
        run = Arrivals(*batches)
        board = Board(job, run.asked)
        ended_by = await Gathering(
            job=job,
            run=cast("Run", run),
            board=board,
            assessor=cast("Assessor", AsTheyAre(run, slow=slow)),
            observer=Nobody(),
            deadline=asyncio.get_running_loop().time() + 9.0,
            out_of="deadline",
        ).gather()
        return ended_by, len(board.back)

    return asyncio.run(scenario())


def test_a_stop_rule_ends_the_run_and_what_is_back_by_then_counts() -> None:
    assert gathered(votes(0, first=0), votes(0, first=1)) == ("beta", 1)
    assert gathered(votes(0, 0, first=0), votes(0, first=2)) == ("beta", 2)


def test_a_run_goes_on_where_what_came_at_the_same_moment_makes_the_rule_doubt() -> None:
    assert gathered(votes(0, 1, first=0), votes(0, first=2), votes(0, first=3), votes(0, first=4)) == ("beta", 4)


def test_what_comes_back_while_the_last_ones_are_compared_keeps_no_run_going() -> None:
    assert gathered(*(votes(0, first=place) for place in range(8)), slow=True) == ("beta", 2)


def test_a_run_without_more_to_come_was_not_stopped() -> None:
    assert gathered(votes(0, 1, 0, 1, 0, 1, 0, 1, first=0)) == (None, 8)
