from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.workers.retries import Allowance

STEPS = st.lists(
    st.one_of(st.tuples(st.just("call"), st.integers(1, 16)), st.tuples(st.just("wait"), st.integers(1, 5)))
)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@given(STEPS, st.floats(0.0, 1.0), st.integers(0, 50), st.floats(0.0, 5.0))
def test_what_is_repeated_never_exceeds_its_share_its_rate_and_its_burst(
    steps: list[tuple[str, int]], share: float, burst: int, per_s: float
) -> None:
    clock = Clock()
    allowance = Allowance(share=share, burst=burst, per_s=per_s, clock=clock)
    calls = 0
    for kind, amount in steps:
        if kind == "call":
            allowance.deposit(amount)
            calls += amount
        else:
            clock.now += amount
        while allowance.take():
            pass
        assert allowance.taken <= burst + share * calls + per_s * clock.now + 1e-6


def test_several_are_taken_together_or_not_at_all() -> None:
    allowance = Allowance(share=0.0, burst=3.0)
    assert not allowance.take(4)
    assert allowance.take(3)
    assert not allowance.take()
    assert allowance.taken == 3


def test_a_quiet_server_may_retry_again_after_a_while() -> None:
    clock = Clock()
    allowance = Allowance(share=0.0, burst=1.0, per_s=1.0, clock=clock)
    assert allowance.take()
    assert not allowance.take()
    clock.now = 1.0
    assert allowance.take()


def test_asking_how_many_calls_may_be_repeated_takes_none_out() -> None:
    allowance = Allowance(share=0.5, burst=2.9)
    assert [allowance.left, allowance.left, allowance.taken] == [2, 2, 0]
    assert [allowance.take(2), allowance.left] == [True, 0]
    allowance.deposit(3)
    assert allowance.left == 2
