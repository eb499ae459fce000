from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.aggregators import AGGREGATORS
from app.aggregators.majority import Majority
from app.aggregators.weighted import Weighted
from app.board import Board
from app.candidates import Ask, Candidate, Confidence, Failure, Usage, Verdict
from app.job import Job
from app.parts import type_name
from app.stopping.decided import Decided
from app.strategies.parallel import Parallel
from app.verifiers.exact import ExactVerifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from app.aggregators.base import Aggregator

SCORES = st.sampled_from([0.0, 0.25, 1 / 3, 0.5, 1.0]) | st.floats(0, 1)
CANDIDATES = st.builds(
    Candidate,
    index=st.just(0),
    finish_reason=st.just("stop"),
    cluster=st.none() | st.integers(0, 3),
    rejection=st.sampled_from([None, None, None, "failed verification"]),
    verdict=st.none() | st.builds(Verdict, status=st.just("pass"), score=st.none() | SCORES),
    failure=st.sampled_from([None, None, None, Failure(message="gone")]),
    usage=st.builds(Usage, completion=st.integers(0, 4)),
)


class Observing(ExactVerifier):
    """Stands for one that runs programs, which some aggregators can't do without."""

    observes: ClassVar[bool] = True


def board_of(aggregator: Aggregator, draws: int) -> Board:
    strategy = Parallel(n=draws, aggregator=aggregator, verifiers=(Observing(answer="42"),), stop=Decided())
    job = Job(
        run_id="run_1", model="m", messages=[], strategy=strategy, selected_by="body", arrived=0.0, deadline_s=1.0
    )
    return Board(job, [Ask(chain=chain) for chain in range(draws)])


def answer_of(board: Board) -> tuple[str, object] | None:
    """Return what the board decides: the winner's cluster or, where it gives no answer, the winner itself."""
    if not board.pool:
        return None
    winner = board.strategy.aggregator.decide(board.pool).winner
    return ("candidate", winner.id) if winner.cluster is None else ("cluster", winner.cluster)


def drawn_until_stopped(board: Board, arriving: Iterable[Candidate]) -> Board:
    for candidate in arriving:
        board.add(candidate)
        if board.stopped_by:
            break
    return board


BY_SHORTEST = [partial(Majority, ties="shortest"), partial(Weighted, ties="shortest")]


@pytest.mark.parametrize(
    "kind",
    [*AGGREGATORS, *BY_SHORTEST],
    ids=[*map(type_name, AGGREGATORS), "majority by shortest", "weighted by shortest"],
)
@given(candidates=st.lists(CANDIDATES, min_size=1, max_size=9), data=st.data())
def test_stopping_when_decided_never_changes_the_answer(
    kind: Callable[[], Aggregator], candidates: list[Candidate], data: st.DataObject
) -> None:
    arriving = data.draw(st.permutations([replace(one, index=i) for i, one in enumerate(candidates)]))
    full = board_of(kind(), len(arriving))
    for candidate in arriving:
        full.add(candidate)
    assert answer_of(drawn_until_stopped(board_of(kind(), len(arriving)), arriving)) == answer_of(full)


@pytest.mark.parametrize("ties", ["asked", "shortest"])
@given(candidates=st.lists(CANDIDATES, min_size=1, max_size=9), unscored=st.floats(0, 1), data=st.data())
def test_nor_does_it_where_candidates_without_a_score_have_a_weight(
    ties: Literal["asked", "shortest"], candidates: list[Candidate], unscored: float, data: st.DataObject
) -> None:
    arriving = data.draw(st.permutations([replace(one, index=i) for i, one in enumerate(candidates)]))
    aggregator = Weighted(unscored=unscored, ties=ties)
    full = board_of(aggregator, len(arriving))
    for candidate in arriving:
        full.add(candidate)
    early = drawn_until_stopped(board_of(aggregator, len(arriving)), arriving)
    assert answer_of(early) == answer_of(full)


def test_a_vote_ends_as_soon_as_the_rest_cannot_win() -> None:
    votes = [Candidate(index=i, finish_reason="stop", cluster=0) for i in range(8)]
    board = drawn_until_stopped(board_of(Majority(), 8), votes)
    assert len(board.back) == 4


@pytest.mark.parametrize("aggregator", [Majority(), Majority(ties="shortest")], ids=["asked", "shortest"])
@given(clusters=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4)), min_size=2, max_size=9), data=st.data())
def test_a_vote_goes_on_only_while_what_is_outstanding_can_change_it(
    aggregator: Majority, clusters: list[tuple[int, int]], data: st.DataObject
) -> None:
    votes = [
        Candidate(index=i, finish_reason="stop", cluster=cluster, usage=Usage(completion=length))
        for i, (cluster, length) in enumerate(clusters)
    ]
    arriving = data.draw(st.permutations(votes))
    ended = len(drawn_until_stopped(board_of(aggregator, len(arriving)), arriving).back)
    before, waiting = arriving[: ended - 1], arriving[ended - 1 :]
    outcomes = {
        aggregator.decide([*before, *(replace(one, cluster=rival, usage=Usage()) for one in waiting)]).winner.cluster
        for rival in range(4)
    }
    assert len(outcomes) > 1


@given(confidences=st.lists(st.floats(0, 30), min_size=1, max_size=9), data=st.data())
def test_votes_that_may_weigh_anything_are_drawn_to_the_end(confidences: list[float], data: st.DataObject) -> None:
    sure = [
        Candidate(
            index=i,
            finish_reason="stop",
            cluster=i % 2,
            confidence=Confidence(mean=confidence, lowest_group=confidence),
        )
        for i, confidence in enumerate(confidences)
    ]
    arriving = data.draw(st.permutations(sure))
    board = drawn_until_stopped(board_of(Weighted(by="mean_confidence"), len(arriving)), arriving)
    assert len(board.back) == len(arriving)
