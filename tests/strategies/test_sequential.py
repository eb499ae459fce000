from __future__ import annotations

from app.candidates import Candidate, Failure
from app.strategies.history import History
from app.strategies.sequential import Sequential


def finished(index: int) -> Candidate:
    return Candidate(index=index, round=index, finish_reason="stop")


def test_each_round_sees_all_earlier_solutions_and_is_compared_with_them() -> None:
    strategy = Sequential(rounds=3)
    asked = list(strategy.next(History()))
    done: list[Candidate] = []
    while len(done) < 3:
        assert not strategy.next(History(asked=asked, done=done))
        done.append(finished(len(done)))
        asked += strategy.next(History(asked=asked, done=done))
    assert [[one.id for one in ask.shown] for ask in asked] == [[], ["c0"], ["c0", "c1"]]
    assert [ask.previous for ask in asked] == [ask.shown for ask in asked]
    assert [ask.round for ask in asked] == [0, 1, 2]


def test_a_round_that_failed_is_neither_shown_nor_repeated() -> None:
    strategy = Sequential(rounds=3)
    asked = [*strategy.next(History())]
    done = [finished(0)]
    asked += strategy.next(History(asked=asked, done=done))
    done.append(Candidate(index=1, round=1, failure=Failure(message="gone")))
    (third,) = strategy.next(History(asked=asked, done=done))
    assert (third.round, third.shown) == (2, (done[0],))


def test_rejected_rounds_are_shown_as_they_are_what_is_to_be_improved() -> None:
    done = [Candidate(index=0, finish_reason="stop", rejection="failed verification")]
    strategy = Sequential(rounds=2)
    (second,) = strategy.next(History(asked=strategy.next(History()), done=done))
    assert second.shown == tuple(done)
