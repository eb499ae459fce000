from __future__ import annotations

from time import perf_counter

from hypothesis import given
from hypothesis import strategies as st

from app.stopwatch import Stopwatch


def test_a_stopwatch_that_never_ran_shows_nothing() -> None:
    assert Stopwatch().seconds == 0.0


@given(st.lists(st.booleans(), max_size=20))
def test_overlapping_work_counts_once_and_never_longer_than_the_clock(starts: list[bool]) -> None:
    begun = perf_counter()
    watch = Stopwatch()
    running = 0
    readings = [0.0]
    for start in starts:
        if start:
            watch.start()
            running += 1
        elif running:
            watch.stop()
            running -= 1
        readings.append(watch.seconds)
    assert readings == sorted(readings)
    assert watch.seconds <= perf_counter() - begun


def test_it_stands_still_while_nothing_is_under_way() -> None:
    watch = Stopwatch()
    watch.start()
    watch.start()
    watch.stop()
    watch.stop()
    assert watch.seconds == watch.seconds > 0.0


def test_a_part_runs_within_its_whole() -> None:
    part = Stopwatch(whole := Stopwatch())
    part.start()
    part.stop()
    assert 0.0 < part.seconds <= whole.seconds
    whole.start()
    whole.stop()
    assert part.seconds < whole.seconds
