from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from app.aggregators.weighted import Weighted
from app.candidates import Verdict
from app.stopping.race import Race
from tests.stopping.runs import board_of, lost, stopped, vote, votes

if TYPE_CHECKING:
    from app.candidates import Candidate


def test_the_first_answer_with_so_many_votes_ends_the_run() -> None:
    assert stopped(board_of(Race(votes=2)), votes(0, 1, 2, 1, 0)) == (4, "race")
    assert stopped(board_of(Race(votes=3)), votes(0, 1, 2, 1, 0)) is None
    assert stopped(board_of(Race(votes=3)), votes(0, 1, 0, 1, 1, 0)) == (5, "race")


def test_what_is_rejected_failed_or_without_an_answer_has_no_vote() -> None:
    arriving = [vote(0), vote(1, rejection="no answer found"), lost(2), vote(3, None), vote(4, 1), vote(5)]
    assert stopped(board_of(Race(votes=2)), arriving) == (6, "race")


def test_votes_count_as_much_as_they_weigh() -> None:
    scored = [vote(index, verdict=Verdict(status="pass", score=0.5)) for index in range(6)]
    assert stopped(board_of(Race(votes=2), aggregator=Weighted()), scored) == (4, "race")


def test_a_race_goes_on_to_as_many_finished_as_are_wanted() -> None:
    assert stopped(board_of(Race(votes=2), enough=4), votes(0, 0, 1, 2, 3)) == (4, "race")


@given(st.lists(st.none() | st.integers(0, 3), max_size=16), st.integers(2, 5), st.lists(st.floats(0, 1), min_size=16))
def test_it_is_the_first_moment_at_which_some_answer_has_that_weight(
    clusters: list[int | None], needed: int, scores: list[float]
) -> None:
    arriving: list[Candidate] = []
    weights: dict[int, Fraction] = {}
    first = None
    for index, (cluster, score) in enumerate(zip(clusters, scores, strict=False)):
        arriving.append(vote(index, cluster, verdict=Verdict(status="pass", score=score)))
        if cluster is not None:
            weights[cluster] = weights.get(cluster, Fraction(0)) + Fraction(score)
        if first is None and max(weights.values(), default=0) >= needed:
            first = (index + 1, "race")
    assert stopped(board_of(Race(votes=needed), aggregator=Weighted()), arriving) == first
