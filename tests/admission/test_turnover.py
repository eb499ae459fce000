from __future__ import annotations

from math import inf

import pytest

from app.admission.turnover import Turnover


def test_a_steady_stream_of_units_is_measured_as_it_is() -> None:
    turnover = Turnover(0.0)
    for second in range(1, 600):
        turnover.note(float(second), held=20, back=4)
    assert turnover.seconds_for(40, held=20) == pytest.approx(10.0, rel=0.05)


def test_the_rate_of_a_quiet_time_tells_what_a_busy_one_brings() -> None:
    turnover = Turnover(0.0)
    for second in range(5, 600, 5):
        turnover.note(float(second), held=1, back=1)
    assert turnover.seconds_for(100, held=50) == pytest.approx(10.0, rel=0.2)


def test_time_in_which_nothing_is_held_changes_nothing() -> None:
    turnover = Turnover(0.0)
    for second in range(1, 600):
        turnover.note(float(second), held=8, back=2)
    before = turnover.seconds_for(8, held=8)
    turnover.note(630.0, held=0)
    assert turnover.seconds_for(8, held=8) == pytest.approx(before, rel=0.05)


def test_what_was_long_ago_no_longer_counts() -> None:
    turnover = Turnover(0.0)
    for second in range(1, 100):
        turnover.note(float(second), held=10, back=10)
    for second in range(100, 700):
        turnover.note(float(second), held=10, back=1)
    assert turnover.seconds_for(10, held=10) == pytest.approx(10.0, rel=0.1)


def test_where_nothing_is_held_nothing_comes_back() -> None:
    assert Turnover(0.0).seconds_for(1, held=0) == inf
    assert Turnover(0.0).seconds_for(1, held=3) == 0.0
