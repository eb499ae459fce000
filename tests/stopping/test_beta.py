from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.aggregators.weighted import Weighted
from app.candidates import Verdict
from app.stopping.beta import Beta, confidence_of
from tests.stopping.runs import board_of, stopped, vote, votes


def reference(lead: int, second: int) -> Fraction:
    """Return P(Bin(a + b + 1, 1/2) <= a), exactly."""
    tosses = lead + second + 1
    return Fraction(sum(comb(tosses, heads) for heads in range(lead + 1)), 2**tosses)


@given(st.integers(0, 200), st.integers(0, 200))
def test_the_confidence_is_adaptive_consistencys(lead: int, second: int) -> None:
    assume(lead >= second)
    assert abs(confidence_of(lead, second) - float(reference(lead, second))) < 1e-11


@given(st.lists(st.none() | st.integers(0, 3), max_size=20), st.floats(0.51, 0.99))
def test_it_ends_a_run_when_the_top_two_give_that_confidence(clusters: list[int | None], confidence: float) -> None:
    counts = [0, 0, 0, 0]
    first = None
    for place, cluster in enumerate(clusters, 1):
        if cluster is not None:
            counts[cluster] += 1
        lead, second = sorted(counts, reverse=True)[:2]
        assume(abs(float(reference(lead, second)) - confidence) > 1e-9)
        if first is None and lead and reference(lead, second) >= confidence:
            first = (place, "beta")
    assert stopped(board_of(Beta(confidence=confidence)), votes(*clusters)) == first


def test_at_95_percent_four_that_agree_are_enough_and_a_rival_takes_two_more() -> None:
    assert stopped(board_of(Beta()), votes(*[0] * 8)) == (4, "beta")
    assert stopped(board_of(Beta()), votes(1, *[0] * 8)) == (7, "beta")


@pytest.mark.parametrize(("votes_", "confidence"), [(1, 0.75), (2, 0.875), (3, 0.9375), (4, 0.96875)])
def test_a_confidence_that_is_just_reached_is_reached(votes_: int, confidence: float) -> None:
    assert stopped(board_of(Beta(confidence=confidence)), votes(*[0] * 8)) == (votes_, "beta")


@given(st.integers(1, 40), st.integers(0, 40))
def test_so_it_is_whatever_the_votes(lead: int, second: int) -> None:
    assume(lead > second)
    clusters = [0] * lead + [1] * second
    arriving = [vote(index, cluster) for index, cluster in enumerate(reversed(clusters))]
    ended = stopped(board_of(Beta(confidence=float(reference(lead, second))), 99), arriving)
    assert ended
    assert ended[0] <= lead + second


def test_votes_may_weigh_less_than_one() -> None:
    scored = [vote(index, verdict=Verdict(status="pass", score=0.5)) for index in range(9)]
    assert stopped(board_of(Beta(), aggregator=Weighted()), scored) == (7, "beta")


@given(st.floats(0, 50), st.floats(0, 50), st.floats(0.001, 5))
def test_weight_for_the_leader_makes_surer_and_for_the_runner_up_less_sure(
    lead: float, second: float, more: float
) -> None:
    here = confidence_of(Fraction(lead), Fraction(second))
    assert confidence_of(Fraction(lead + more), Fraction(second)) >= here - 1e-12
    assert confidence_of(Fraction(lead), Fraction(second + more)) <= here + 1e-12


@pytest.mark.parametrize("confidence", [0.5, 1.0, 0.0, float("nan"), "0.9"])
def test_a_confidence_outside_of_one_half_to_one_is_refused(confidence: object) -> None:
    with pytest.raises(ValidationError, match="confidence"):
        Beta.model_validate({"confidence": confidence})
