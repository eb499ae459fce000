"""Scores and their intervals."""

from __future__ import annotations

from itertools import chain
from math import sqrt
from random import Random
from statistics import fmean, stdev

import pytest

from app.replay.figures import clustered, score
from app.replay.playing import Means
from app.replay.policy import Policy
from app.strategies.single import Single
from tests.replay.recorded import deck

ONE, TWO = (Policy(label=label, strategy=Single()) for label in ("one", "two"))


def means(accuracy: float, tokens: float = 10.0, time: float = 5.0, stopped: float = 0.0) -> Means:
    return Means(accuracy=accuracy, tokens=tokens, time=time, stopped=stopped)


def test_a_score_by_hand() -> None:
    decks = [deck(("A", 10), problem="p"), deck(("A", 30), problem="q")]
    played = [(means(0.2), means(0.6, 30, 40, 1.0)), (means(0.8), means(0.8, 50, 60, 0.5))]
    one, two = score([ONE, TWO], decks, played, 0)
    assert (one.accuracy.mean, two.accuracy.mean) == (0.5, 0.7)
    assert two.difference.mean == pytest.approx(0.2)
    assert two.difference.error == pytest.approx(0.2)
    assert two.accuracy.error == pytest.approx(0.1)
    assert (two.tokens, two.relative_tokens, two.relative_time, two.stopped) == (40, 4, 2.5, 0.75)
    assert (one.difference.mean, one.difference.error, one.relative_tokens) == (0, 0, 1)


def test_the_same_problem_of_two_models_is_one_cluster() -> None:
    decks = [deck(("A", 10), problem=name) for name in ("p", "q", "p", "q")]
    played = [(means(base), means(other)) for base, other in ((0.2, 0.6), (0.4, 0.4), (0.0, 0.6), (0.8, 0.8))]
    one, two = score([ONE, TWO], decks, played, 0)
    # Means of the problems: 0.1 and 0.6, so sqrt(0.125 / 2); 0.6 and 0.6; their differences 0.5 and 0.
    assert one.accuracy.error == pytest.approx(0.25)
    assert two.accuracy.error == pytest.approx(0)
    assert (two.difference.mean, two.difference.error) == (pytest.approx(0.25), pytest.approx(0.25))
    assert two.difference.half_width == pytest.approx(12.706 * 0.25, abs=0.001)


def test_one_problem_has_no_interval() -> None:
    for estimate in (clustered([0.5], ["p"]), clustered([0.25, 0.75], ["p", "p"])):
        assert (estimate.mean, estimate.error, estimate.half_width) == (0.5, None, None)


def test_clusters_of_unequal_sizes_by_hand() -> None:
    # The mean is 2/3; the residuals 1/3, -2/3 and 1/3; the clusters' sums -1/3 and 1/3; 2/1 * 2/9 / 9 is (2/9)^2.
    estimate = clustered([1.0, 0.0, 1.0], ["p", "p", "q"])
    assert (estimate.mean, estimate.clusters) == (pytest.approx(2 / 3), 2)
    assert estimate.error == pytest.approx(2 / 9)
    assert estimate.half_width == pytest.approx(12.706 * 2 / 9, abs=0.001)


def test_rows_of_their_own_clusters_have_the_usual_error_of_a_mean() -> None:
    estimate = clustered([0.1, 0.5, 0.9, 0.7, 0.3], range(5))
    assert estimate.error == pytest.approx(sqrt(0.1 / 5))
    assert estimate.half_width == pytest.approx(2.776 * sqrt(0.1 / 5), abs=0.001)


@pytest.mark.parametrize("rows", [1, 2])
def test_the_interval_is_that_of_a_bootstrap_over_problems(rows: int) -> None:
    random = Random(7)
    problems = [[random.choice([0.0, 1.0, random.random()])] * rows for _ in range(80)]
    resampled = sorted(fmean(chain(*random.choices(problems, k=len(problems)))) for _ in range(4_000))
    estimate = clustered(list(chain(*problems)), [number for number in range(80) for _ in range(rows)])
    assert estimate.error == pytest.approx(stdev(resampled), rel=0.05)
    assert estimate.half_width is not None
    assert estimate.mean - estimate.half_width == pytest.approx(resampled[100], abs=0.01)
    assert estimate.mean + estimate.half_width == pytest.approx(resampled[3_900], abs=0.01)
