"""Keys that wait get equal shares, counted in units."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from app.admission.fair import FairLine
from app.admission.waiter import Waiter

WIDTHS = st.lists(st.integers(1, 64), min_size=1, max_size=30)


def let_in(line: FairLine[Waiter]) -> Waiter:
    """Return the next one, let in."""
    waiter = line.next
    assert waiter is not None
    line.let_in(waiter)
    return waiter


@given(st.lists(WIDTHS, min_size=2, max_size=5))
def test_keys_that_wait_differ_by_one_width_of_each_at_most(queues: list[list[int]]) -> None:
    line = FairLine[Waiter]()
    for account, widths in enumerate(queues):
        for width in widths:
            line.join(Waiter(width=width, account=account, since=0.0))
    served: Counter[int] = Counter()
    left = {account: len(widths) for account, widths in enumerate(queues)}
    while all(left.values()):
        waiter = let_in(line)
        served[waiter.account] += waiter.width
        left[waiter.account] -= 1
        for one, other in combinations(left, 2):
            assert abs(served[one] - served[other]) <= max(queues[one]) + max(queues[other])


@given(WIDTHS, WIDTHS, st.data())
def test_a_key_that_comes_later_gets_its_share_from_then_on_and_no_more(
    first: list[int], second: list[int], data: st.DataObject
) -> None:
    line = FairLine[Waiter]()
    for width in first:
        line.join(Waiter(width=width, account=0, since=0.0))
    early = data.draw(st.integers(0, len(first)))
    for _ in range(early):
        let_in(line)
    for width in second:
        line.join(Waiter(width=width, account=1, since=1.0))
    served: Counter[int] = Counter()
    left = [len(first) - early, len(second)]
    while all(left):
        waiter = let_in(line)
        served[waiter.account] += waiter.width
        left[waiter.account] -= 1
        assert abs(served[0] - served[1]) <= 2 * max(*first, *second)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 8)), max_size=40))
def test_within_a_key_the_first_to_come_is_the_first_to_be_let_in(arrivals: list[tuple[int, int]]) -> None:
    line = FairLine[Waiter]()
    waiters = [Waiter(width=width, account=account, since=0.0) for account, width in arrivals]
    for waiter in waiters:
        line.join(waiter)
    served = [let_in(line) for _ in waiters]
    for account in range(4):
        assert [one for one in served if one.account == account] == [one for one in waiters if one.account == account]
    assert (len(line), line.units, line.next) == (0, 0, None)


def test_who_is_next_is_not_overtaken_by_keys_that_come_anew() -> None:
    line = FairLine[Waiter]()
    line.join(Waiter(width=1, account=0, since=0.0))
    line.join(wide := Waiter(width=64, account=0, since=0.0))
    let_in(line)
    assert line.next is wide
    for account in range(1, 50):
        line.join(Waiter(width=1, account=account, since=1.0))
        assert line.next is wide


def test_a_request_that_leaves_has_cost_its_key_nothing() -> None:
    line = FairLine[Waiter]()
    line.join(gone := Waiter(width=64, account=0, since=0.0))
    line.join(mine := Waiter(width=1, account=0, since=0.0))
    line.join(Waiter(width=2, account=1, since=1.0))
    line.leave(gone)
    assert let_in(line) is mine
