from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

import pytest

from app.errors import WorkerStalledError
from app.workers.call import Call
from app.workers.health import State
from app.workers.stragglers import Behind, Stragglers
from app.workers.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(eq=False)
class Followed:
    """A call whose tokens come at these times, in seconds after its beginning at 0."""

    times: Iterable[float] = ()
    prompt_tokens: int = 100
    settles: bool = True
    worker: Worker = field(default_factory=lambda: Worker(id="w", locate=str, up=True))
    model: str = "m"
    begun: float = 0.0
    told: list[Behind] = field(default_factory=list[Behind])

    def __post_init__(self) -> None:
        self.call = Call(width=1, completed=print, spent=print)
        for time in self.times:
            self.call.completions[0].chunks += 1
            self.call.longest_silence_s = max(self.call.longest_silence_s, time - (self.call.last_at or time))
            self.call.first_at = time if self.call.first_at is None else self.call.first_at
            self.call.last_at = time

    def fell_behind(self, why: Behind) -> bool:
        self.told.append(why)
        return self.settles


def unheard(worker: Worker, why: Behind) -> None:
    raise AssertionError(f"{worker.id} was struck as {why.value}")


def paced(first: float, each: float, tokens: int) -> list[float]:
    return [first + each * number for number in range(tokens)]


def usual(*, slow_share: float = 0.0) -> tuple[Stragglers, list[tuple[Worker, Behind]]]:
    """Stragglers that have seen 200 calls: first token after about 0.2 s, then one every 20 ms or so."""
    struck: list[tuple[Worker, Behind]] = []
    stragglers, random = Stragglers(lambda worker, why: struck.append((worker, why))), Random(3)
    for _ in range(200):
        slower = 20.0 if random.random() < slow_share else 1.0
        first, each = (slower * mean * random.lognormvariate(0.0, 0.3) for mean in (0.2, 0.02))
        call = Followed(paced(first, each, 30))
        stragglers.follow(call)
        stragglers.left(call, well=True)
    return stragglers, struck


def told(stragglers: Stragglers, call: Followed, now: float) -> list[Behind]:
    stragglers.follow(call)
    stragglers.look(now)
    return call.told


def test_nobody_is_behind_before_enough_is_known() -> None:
    assert told(Stragglers(unheard), Followed(), 1e6) == []


@pytest.mark.parametrize("slow_share", [0.0, 0.25])
@pytest.mark.parametrize(
    ("times", "now", "why"),
    [
        ([], 0.3, []),
        ([], 6.0, [Behind.LATE]),
        (paced(0.2, 0.02, 20), 0.7, []),
        (paced(0.2, 0.02, 5_000), 100.3, []),
        (paced(0.2, 0.02, 20), 20.0, [Behind.SILENT]),
        (paced(0.2, 0.4, 20), 7.9, [Behind.SLOW]),
    ],
    ids=["early", "late", "fine", "a long answer", "silent", "slow"],
)
def test_a_call_is_behind_when_it_is_far_from_usual_also_where_a_quarter_of_the_fleet_is_slow(
    times: list[float], now: float, why: list[Behind], *, slow_share: float
) -> None:
    stragglers, struck = usual(slow_share=slow_share)
    call = Followed(times)
    assert told(stragglers, call, now) == why
    assert struck == [(call.worker, one) for one in why]


def test_a_long_prompt_has_more_time_to_its_first_token() -> None:
    stragglers, _ = usual()
    assert told(stragglers, Followed(), 3.0) == [Behind.LATE]
    assert told(stragglers, Followed(prompt_tokens=1_000), 3.0) == []


def test_what_is_settled_is_told_once_and_what_is_not_again_but_its_worker_is_struck_once() -> None:
    stragglers, struck = usual()
    settled, unsettled = Followed(), Followed(settles=False)
    for call in (settled, unsettled):
        stragglers.follow(call)
    for _ in range(3):
        stragglers.look(10.0)
    assert (len(settled.told), len(unsettled.told)) == (1, 3)
    assert len(struck) == 2


def test_siblings_that_are_late_at_once_are_one_strike() -> None:
    stragglers, struck = usual()
    worker, other = Worker(id="w", locate=str, up=True), Worker(id="v", locate=str, up=True)
    for late in [*(Followed(worker=worker) for _ in range(8)), Followed(worker=other)]:
        stragglers.follow(late)
    stragglers.look(10.0)
    assert struck == [(worker, Behind.LATE), (other, Behind.LATE)]
    stragglers.follow(Followed(worker=worker))
    stragglers.look(10.1)
    assert struck[2:] == [(worker, Behind.LATE)]


def test_what_is_held_ends_when_there_is_no_hope_for_its_worker() -> None:
    async def scenario() -> None:
        stragglers, worker = Stragglers(unheard), Worker(id="w", locate=str, up=True)
        async with stragglers.held(worker):
            stragglers.look(0.0)
            await asyncio.sleep(0)
        with pytest.raises(WorkerStalledError, match="out of service"):
            await held_while_down(stragglers, worker)
        stragglers.look(0.0)

    async def held_while_down(stragglers: Stragglers, worker: Worker) -> None:
        async with stragglers.held(worker):
            worker.up = False
            for _ in range(3):
                stragglers.look(0.0)
                await asyncio.sleep(0)
            await asyncio.sleep(10)

    asyncio.run(scenario())


def test_calls_of_a_worker_that_is_down_or_ejected_are_lost_without_a_strike() -> None:
    stragglers = Stragglers(unheard)
    call = Followed()
    call.worker.up = False
    assert told(stragglers, call, 0.0) == [Behind.OUT_OF_SERVICE]
    other = Followed()
    other.worker.health.state = State.EJECTED
    assert told(stragglers, other, 0.0) == [Behind.OUT_OF_SERVICE]


def test_a_call_that_ended_is_followed_no_more() -> None:
    stragglers, _ = usual()
    call = Followed()
    stragglers.follow(call)
    stragglers.left(call, well=False)
    stragglers.look(1e6)
    assert call.told == []


def test_an_owner_that_can_not_be_told_keeps_nobody_from_being_followed() -> None:
    class Broken(Followed):
        def fell_behind(self, why: Behind) -> bool:
            self.told.append(why)
            raise RuntimeError

    stragglers, _ = usual()
    broken, other = Broken(), Followed()
    for call in (broken, other):
        stragglers.follow(call)
    for _ in range(2):
        stragglers.look(10.0)
    assert (len(broken.told), len(other.told)) == (1, 1)
