"""Runs under a stop rule, without workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.aggregators.majority import Majority
from app.board import Board
from app.candidates import Ask, Candidate, Failure
from app.job import Job
from app.strategies.parallel import Parallel
from app.verifiers.exact import ExactVerifier

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.aggregators.base import Aggregator
    from app.candidates import Answer, Verdict
    from app.stopping.base import StopRule

GONE = Failure(message="gone")


def vote(
    index: int,
    cluster: int | None = 0,
    *,
    answer: Answer | None = None,
    verdict: Verdict | None = None,
    rejection: str | None = None,
) -> Candidate:
    """Return a candidate that votes for `cluster`, unless there is a reason why it doesn't."""
    return Candidate(
        index=index, finish_reason="stop", cluster=cluster, answer=answer, verdict=verdict, rejection=rejection
    )


def votes(*clusters: int | None) -> list[Candidate]:
    """Return candidates that vote so, in this order; None for one without an answer."""
    return [vote(index, cluster) for index, cluster in enumerate(clusters)]


def lost(index: int) -> Candidate:
    """Return a candidate that no worker could draw."""
    return Candidate(index=index, failure=GONE)


def board_of(
    rule: StopRule,
    draws: int = 32,
    *,
    aggregator: Aggregator | None = None,
    answer: str = "auto",
    enough: int = 1,
    asked: str = "Go on.",
) -> Board:
    """Return the board of a run that asks for everything at once, and isn't stopped before `enough` have finished."""
    spec = {"n": draws, "stop": rule, "answer": answer, "min_candidates": enough}
    strategy = Parallel.model_validate(
        {**spec, "aggregator": aggregator or Majority(), "verifiers": [ExactVerifier(answer="42")]}
    )
    job = Job(
        run_id="run_1",
        model="m",
        messages=[{"role": "user", "content": asked}],
        strategy=strategy,
        selected_by="body",
        arrived=0.0,
        deadline_s=1.0,
    )
    return Board(job, [Ask(chain=chain) for chain in range(draws)])


def stopped(board: Board, arriving: Iterable[Candidate]) -> tuple[int, str] | None:
    """Return after how many candidates the run ends, and by which rule; None where it doesn't."""
    for place, candidate in enumerate(arriving, 1):
        board.add(candidate)
        if board.stopped_by:
            return place, board.stopped_by
    assert board.stop_failure is None
    return None
