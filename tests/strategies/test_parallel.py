from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.candidates import Candidate
from app.strategies.history import History
from app.strategies.parallel import Parallel


def test_all_samples_are_asked_for_at_once_each_in_a_chain_of_its_own_and_shown_nothing() -> None:
    asks = Parallel(n=4).next(History())
    assert [(ask.round, ask.chain) for ask in asks] == [(0, 0), (0, 1), (0, 2), (0, 3)]
    assert not any(ask.shown or ask.previous or ask.avoid for ask in asks)


@pytest.mark.parametrize(
    ("n", "wave", "sizes"),
    [
        (5, 2, [2, 2, 1]),
        (20, (2, 4, 8), [2, 4, 8, 6]),
        (9, (3, 1), [3, 1, 1, 1, 1, 1, 1]),
        (5, (2, 4, 8), [2, 3]),
        (2, (8, 1), [2]),
    ],
)
def test_the_next_wave_waits_for_the_whole_of_the_last_one_and_the_last_may_be_smaller(
    n: int, wave: int | tuple[int, ...], sizes: list[int]
) -> None:
    strategy = Parallel(n=n, wave=wave)
    asked = list(strategy.next(History()))
    done: list[Candidate] = []
    waves = [len(asked)]
    while len(done) < n:
        done.append(Candidate(index=len(done), finish_reason="stop"))
        more = strategy.next(History(asked=asked, done=done))
        assert not more or len(done) == len(asked)
        asked += more
        waves += [len(more)] if more else []
    assert waves == sizes
    assert strategy.width == max(sizes)
    assert [ask.chain for ask in asked] == list(range(n))


def test_a_wave_wider_than_the_whole_is_the_whole() -> None:
    assert len(Parallel(n=3, wave=8).next(History())) == 3


@pytest.mark.parametrize(("n", "in_flight", "width"), [(7, 3, 3), (2, 3, 2), (3, 1, 1)])
def test_one_that_is_back_makes_room_for_the_next(n: int, in_flight: int, width: int) -> None:
    strategy = Parallel(n=n, in_flight=in_flight)
    asked = list(strategy.next(History()))
    assert len(asked) == strategy.width == width
    for back in range(1, n + 1):
        asked += strategy.next(
            History(asked=asked, done=[Candidate(index=i, finish_reason="stop") for i in range(back)])
        )
        assert len(asked) == min(back + in_flight, n)
    assert [ask.chain for ask in asked] == list(range(n))


def test_waves_and_a_stream_exclude_each_other() -> None:
    with pytest.raises(ValidationError, match="leave one of them out"):
        Parallel(n=4, wave=2, in_flight=2)
