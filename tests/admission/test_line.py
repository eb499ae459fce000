from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.admission.line import AGING_S, Line
from app.admission.priority import Priority
from app.admission.waiter import Waiter

HIGH, NORMAL, LOW = Priority


def order(line: Line[Waiter], now: float) -> list[Waiter]:
    """Return who is let in, one after the other, all at one time."""
    served: list[Waiter] = []
    while waiter := line.next(now):
        line.let_in(waiter)
        served.append(waiter)
    return served


@given(st.lists(st.sampled_from(Priority), max_size=30))
def test_higher_priorities_go_first(priorities: list[Priority]) -> None:
    line = Line[Waiter]()
    for account, priority in enumerate(priorities):
        line.join(Waiter(width=1, account=account, priority=priority, since=0.0))
    assert len(line) == len(priorities)
    assert [waiter.priority for waiter in order(line, 1.0)] == sorted(priorities)


def test_a_low_one_that_has_waited_twice_the_aging_time_stands_among_the_high() -> None:
    line = Line[Waiter]()
    line.join(old := Waiter(width=1, priority=LOW, since=0.0))
    line.join(Waiter(width=1, account=1, priority=NORMAL, since=AGING_S))
    assert line.next(AGING_S - 1) is not old
    assert line.next(AGING_S) is not old
    line.join(Waiter(width=1, account=2, priority=HIGH, since=2 * AGING_S + 1))
    assert old.level == NORMAL
    assert [one.account for one in order(line, 2 * AGING_S + 1)] == [2, 1, 0] or old.level == HIGH


def test_however_many_high_ones_come_a_low_one_is_let_in() -> None:
    line = Line[Waiter]()
    line.join(low := Waiter(width=4, account=0, priority=LOW, since=0.0))
    for second in range(1_000):
        line.join(Waiter(width=1, account=1 + second, priority=HIGH, since=float(second)))
        line.join(Waiter(width=1, account=1 + second, priority=HIGH, since=float(second)))
        waiter = line.next(float(second))
        assert waiter is not None
        line.let_in(waiter)
        if waiter is low:
            return
    raise AssertionError("it was never let in")


def test_what_is_ahead_are_the_units_at_the_same_priority_or_above() -> None:
    line = Line[Waiter]()
    for width, priority in ((1, HIGH), (10, NORMAL), (100, LOW)):
        line.join(Waiter(width=width, priority=priority, since=0.0))
    assert [line.ahead(priority) for priority in Priority] == [1, 11, 111]
