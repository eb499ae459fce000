"""Scores and their intervals."""

from __future__ import annotations

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
    decks = [deck(("A", 10)), deck(("A", 30))]
    played = [(means(0.2), means(0.6, 30, 40, 1.0)), (means(0.8), means(0.8, 50, 60, 0.5))]
    one, two = score([ONE, TWO], decks, played, 0)
    assert (one.accuracy.mean, two.accuracy.mean) == (0.5, 0.7)
    assert two.difference.mean == pytest.approx(0.2)
    assert two.difference.error == pytest.approx(0.2)
    assert two.accuracy.error == pytest.approx(0.1)
    assert (two.tokens, two.relative_tokens, two.relative_time, two.stopped) == (40, 4, 2.5, 0.75)
    assert (one.difference.mean, one.difference.error, one.relative_tokens) == (0, 0, 1)


def test_one_problem_has_no_interval() -> None:
    estimate = clustered([0.5])
    assert (estimate.mean, estimate.error, estimate.half_width) == (0.5, None, None)


def test_the_interval_is_that_of_a_bootstrap_over_problems() -> None:
    random = Random(7)
    values = [random.choice([0.0, 1.0, random.random()]) for _ in range(80)]
    resampled = sorted(fmean(random.choices(values, k=len(values))) for _ in range(4_000))
    estimate = clustered(values)
    assert estimate.error == pytest.approx(stdev(resampled), rel=0.05)
    assert estimate.half_width is not None
    assert estimate.mean - estimate.half_width == pytest.approx(resampled[100], abs=0.01)
    assert estimate.mean + estimate.half_width == pytest.approx(resampled[3_900], abs=0.01)
