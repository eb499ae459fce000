from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.candidates import Ask, Candidate
from app.strategies.history import History
from app.strategies.hybrid import Hybrid


def drawn(strategy: Hybrid, order: st.DataObject | None = None) -> tuple[list[Ask], list[Candidate]]:
    """Run the strategy with candidates that all finish, in an order that `order` chooses."""
    asked: list[Ask] = []
    done: list[Candidate] = []
    waiting: list[int] = []
    while True:
        more = strategy.next(History(asked=asked, done=done))
        waiting += range(len(asked), len(asked) + len(more))
        asked += more
        if not waiting:
            return asked, done
        index = order.draw(st.sampled_from(waiting)) if order else waiting[0]
        waiting.remove(index)
        ask = asked[index]
        done = sorted(
            [*done, Candidate(index=index, round=ask.round, chain=ask.chain, finish_reason="stop")],
            key=lambda candidate: candidate.index,
        )


@given(chains=st.integers(1, 4), rounds=st.integers(1, 4), order=st.data())
def test_each_chain_goes_on_by_itself_and_sees_only_its_own_rounds(
    chains: int, rounds: int, order: st.DataObject
) -> None:
    asked, _ = drawn(Hybrid(chains=chains, rounds=rounds), order)
    for chain in range(chains):
        own = [ask for ask in asked if ask.chain == chain]
        assert [ask.round for ask in own] == list(range(rounds))
        assert [len(ask.shown) for ask in own] == list(range(rounds))
        assert {shown.chain for ask in own for shown in ask.shown} <= {chain}


def test_a_chain_does_not_wait_for_the_others() -> None:
    strategy = Hybrid(chains=2, rounds=2)
    asked = strategy.next(History())
    (more,) = strategy.next(History(asked=asked, done=[Candidate(index=1, chain=1, finish_reason="stop")]))
    assert (more.chain, more.round) == (1, 1)


def test_a_round_of_widths_sees_everything_that_came_before_it() -> None:
    asked, _ = drawn(Hybrid(widths=(1, 1, 3)))
    assert [ask.round for ask in asked] == [0, 1, 2, 2, 2]
    assert [[one.id for one in ask.shown] for ask in asked] == [[], ["c0"], *[["c0", "c1"]] * 3]
    assert [ask.chain for ask in asked] == [0, 0, 0, 1, 2]


def test_a_round_of_widths_waits_for_the_whole_of_the_last_one() -> None:
    strategy = Hybrid(widths=(2, 1))
    asked = strategy.next(History())
    assert not strategy.next(History(asked=asked, done=[Candidate(index=0, finish_reason="stop")]))


@pytest.mark.parametrize(
    "shape",
    [{}, {"chains": 2}, {"rounds": 2}, {"widths": [1], "chains": 2, "rounds": 2}, {"widths": [1], "chains": 2}],
)
def test_a_shape_is_either_chains_and_rounds_or_widths(shape: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="either `chains` and `rounds`, or `widths`"):
        Hybrid.model_validate(shape)


@pytest.mark.parametrize("shape", [{"chains": 33, "rounds": 32}, {"widths": [1024, 1]}])
def test_more_candidates_than_possible_are_refused(shape: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="at most 1024"):
        Hybrid.model_validate(shape)


@pytest.mark.parametrize("widths", [[], [0], [-1], [1025]])
def test_a_width_is_at_least_1_and_there_is_one(widths: list[int]) -> None:
    with pytest.raises(ValidationError, match="widths"):
        Hybrid.model_validate({"widths": widths})
