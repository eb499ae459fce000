from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from app.errors import (
    NoConnectionLeftError,
    NoWorkerError,
    WorkerCutError,
    WorkerStalledError,
    WorkerStatusError,
    WorkerUnreachableError,
)
from app.workers.balancing.base import Draw
from app.workers.balancing.least_outstanding import LeastOutstanding
from app.workers.client import HttpClient
from app.workers.health import HealthRules, Reason, State
from app.workers.load import Load
from app.workers.pool import Pool
from app.workers.traits import LLAMA_CPP
from app.workers.worker import ServedModel, Worker

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence

    from app.errors import CandidateError


REFUSED = WorkerUnreachableError("no connection to the worker: connection refused")


class Slow:
    """A client whose worker doesn't answer in time, and sends so many pieces of answers meanwhile."""

    def __init__(self, worker: Worker, pieces: int) -> None:
        self._worker = worker
        self._pieces = pieces

    @asynccontextmanager
    async def stream(self, url: str, body: bytes) -> AsyncGenerator[AsyncIterator[bytes]]:
        raise WorkerStalledError(f"{url} took {len(body)} bytes and said nothing")
        yield

    async def fetch(self, url: str, *, timeout_s: float) -> bytes:
        self._worker.load.pieces += self._pieces
        raise WorkerStalledError(f"{url} said nothing for {timeout_s} s")


@pytest.mark.parametrize(("in_flight", "pieces", "stays"), [(3, 1, True), (3, 0, False), (0, 1, False)])
def test_a_probe_that_is_kept_waiting_takes_down_only_a_worker_that_sends_us_nothing(
    *, in_flight: int, pieces: int, stays: bool
) -> None:
    load = Load(in_flight=in_flight)
    worker = Worker(id="w0", locate=lambda: "http://w", models={"m": ServedModel(id="m")}, up=True, load=load)

    async def scenario() -> None:
        async with Pool([worker], Slow(worker, pieces), probe_s=60).watched():
            assert worker.up == stays

    asyncio.run(scenario())


def test_capacity_is_what_the_workers_that_are_up_and_serve_the_model_take() -> None:
    served = {"m": ServedModel(id="m")}
    workers = [
        Worker(id="a", locate=str, models=served, up=True, max_in_flight=10),
        Worker(id="b", locate=str, models=served, up=True, traits=LLAMA_CPP, slots=4),
        Worker(id="c", locate=str, models=served, up=False, max_in_flight=100),
        Worker(id="d", locate=str, models={"n": ServedModel(id="n")}, up=True, max_in_flight=1),
    ]
    pool = Pool(workers, Slow(workers[0], 0), probe_s=60)
    assert (pool.capacity("m"), pool.capacity("n"), pool.capacity("?"), pool.capacity()) == (14, 1, 0, 15)


def test_each_process_of_a_server_has_its_part_of_what_a_worker_takes_and_at_least_one() -> None:
    workers = [
        Worker(id="a", locate=str, max_in_flight=10, sharers=3),
        Worker(id="b", locate=str, traits=LLAMA_CPP, slots=8, sharers=3),
        Worker(id="c", locate=str, traits=LLAMA_CPP, slots=2, sharers=3),
    ]
    assert [(worker.limit, worker.width, worker.room) for worker in workers] == [(3, 1, 3), (2, 2, 2), (1, 1, 1)]


def fleet(count: int, **rules: float) -> tuple[Pool, list[Worker]]:
    """A pool, which nobody keeps up to date, of workers that serve `m`; the first has the least to do."""
    served = {"m": ServedModel(id="m")}
    workers = [
        Worker(id=f"w{number}", locate=str, models=served, up=True, load=Load(outstanding=number))
        for number in range(count)
    ]
    client = HttpClient(connect_s=1.0, idle_s=1.0)
    return Pool(
        workers,
        client,
        probe_s=60.0,
        policy=LeastOutstanding(),
        rules=HealthRules(**{"strikes": 2, "backoff_s": 0.0, **rules}),  # pyright: ignore[reportArgumentType] - numbers
    ), workers


def fail(pool: Pool, worker: Worker, times: int = 2, error: CandidateError | None = None) -> None:
    for _ in range(times):
        pool.failed(worker, error or WorkerCutError("it broke off"))


def test_a_worker_that_fails_again_and_again_is_ejected_and_counted() -> None:
    pool, (first, second, *_) = fleet(4)
    fail(pool, first)
    assert pool.pick("m") is second
    assert pool.ejector.ejections == {("w0", "failures"): 1}
    assert pool.capacity("m") == 3 * first.limit


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 422, 429, 503])
def test_what_is_the_clients_fault_or_only_full_never_counts_against_a_worker(status: int) -> None:
    pool, (first, *_) = fleet(4)
    fail(pool, first, 100, WorkerStatusError("no", worker_status=status))
    assert first.serves
    assert first.health.strikes == 0


@pytest.mark.parametrize("status", [204, 302, 500])
def test_any_other_status_counts_against_the_worker_and_sends_the_request_to_another(status: int) -> None:
    pool, (first, *_) = fleet(4)
    error = WorkerStatusError("no", worker_status=status)
    fail(pool, first, error=error)
    assert not first.serves
    assert error.others_may_serve


@pytest.mark.parametrize(("status", "asked"), [(503, False), (404, True), (429, False), (401, False)])
def test_a_worker_that_says_it_is_full_or_does_not_know_the_model_is_passed_over_for_a_moment(
    status: int, *, asked: bool
) -> None:
    pool, (first, second) = fleet(2)
    fail(pool, first, 1, WorkerStatusError("no", worker_status=status))
    assert [pool.pick("m") for _ in range(3)] == [second] * 3
    assert pool.pick("m", prefer=first) is second
    assert (first in pool.suspects) == asked
    fail(pool, second, 1, WorkerStatusError("no", worker_status=status))
    assert pool.pick("m") is first, "if all say so, the least burdened is asked all the same"
    second.passed_over_until = time.monotonic() - 0.001
    assert pool.pick("m") is second


def test_a_worker_that_hangs_up_is_asked_at_once_how_it_is() -> None:
    pool, (first, second) = fleet(2)
    fail(pool, first, 1)
    fail(pool, second, 1, WorkerStatusError("no", worker_status=500))
    assert pool.suspects == {first}


def test_a_worker_gets_no_more_than_its_limit_while_another_has_room() -> None:
    pool, (small, large, *_) = fleet(3)
    small.max_in_flight = 2
    for _ in range(5):
        pool.pick("m").load.begin(1, 0)
    assert (small.load.in_flight, large.load.in_flight) == (2, 3)


def test_one_that_fails_takes_the_place_of_one_that_is_out_for_being_slow_only() -> None:
    pool, (slow, ill, *_) = fleet(2)
    for _ in range(2):
        pool.ejector.strike(slow, Reason.SLOWNESS)
    assert not slow.serves
    for _ in range(4):
        pool.ejector.strike(ill, Reason.SLOWNESS)
    assert (slow.serves, ill.serves) == (False, True), "slow is as bad as slow"
    fail(pool, ill)
    assert (slow.serves, ill.serves) == (True, False)
    fail(pool, slow)
    assert (slow.serves, ill.serves) == (True, False), "failing is as bad as failing"


def test_the_half_that_may_be_out_is_reckoned_for_each_model_without_those_that_leave() -> None:
    pool, (first, second, third, fourth) = fleet(4)
    third.models = fourth.models = {"other": ServedModel(id="other")}
    pool.reindex()
    for worker in (first, second):
        fail(pool, worker)
    assert (first.serves, second.serves) == (False, True)
    third.draining = True
    pool.reindex()
    fail(pool, fourth)
    assert fourth.serves, "it is the only one of its model that stays"


def test_a_trial_that_fails_ends_in_a_fleet_that_has_shrunk_meanwhile() -> None:
    pool, (first, second) = fleet(2)
    fail(pool, first)
    pool.ejector.tend(time.monotonic())
    second.up = False
    pool.reindex()
    assert pool.pick("m") is first
    fail(pool, first, 1)
    assert first.health.state is State.EJECTED


def test_refused_connections_count_once_each_time_that_a_worker_goes_down() -> None:
    pool, (first, *_) = fleet(4)
    for _ in range(8):
        pool.lost(first, REFUSED)
    assert (first.up, first.health.strikes) == (False, 1)
    first.up = True
    pool.lost(first, REFUSED)
    assert first.health.state is State.EJECTED


def test_a_gateway_that_can_open_no_more_connections_holds_that_against_no_worker() -> None:
    pool, (first, *_) = fleet(4)
    for _ in range(8):
        pool.lost(first, NoConnectionLeftError("too many open files"))
    assert first.serves
    assert first.health.strikes == 0


def test_another_worker_is_none_of_those_to_avoid_and_may_be_one_out_of_service() -> None:
    pool, (first, second, third) = fleet(3)
    assert pool.another("m", avoid=(first, second)) is third
    assert pool.another("m", avoid=(first, second, third)) is None
    fail(pool, third)
    assert pool.another("m", avoid=(first, second)) is third


@pytest.mark.parametrize(("count", "out"), [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2)])
def test_at_most_half_of_the_fleet_is_ejected(count: int, out: int) -> None:
    pool, workers = fleet(count)
    for worker in workers:
        fail(pool, worker, 10)
    assert sum(not worker.serves for worker in workers) == out


def test_a_worker_on_trial_gets_one_call_and_serves_again_when_that_went_well() -> None:
    pool, (first, second, *_) = fleet(4)
    fail(pool, first)
    first.health.try_again(time.monotonic())
    pool.reindex()
    assert [pool.pick("m"), pool.pick("m")] == [first, second]
    pool.served(first)
    assert pool.pick("m") is first


def test_where_all_that_serve_a_model_are_out_one_that_answers_is_better_than_none() -> None:
    pool, (first, second) = fleet(2)
    fail(pool, first)
    second.up = False
    pool.reindex()
    assert pool.pick("m") is first
    first.up = False
    with pytest.raises(NoWorkerError):
        pool.pick("m")


def test_a_run_stays_with_its_worker_unless_that_is_far_busier_full_or_out() -> None:
    pool, (first, second, *_) = fleet(4)
    draw = Draw(tokens=100)
    assert pool.pick("m", draw, prefer=second) is second
    second.load.begin(1, 300)
    assert pool.pick("m", draw, prefer=second) is first
    second.load.end(1, 300)
    second.load.begin(second.limit, 0)
    assert pool.pick("m", draw, prefer=second) is first
    second.load.end(second.limit, 0)
    second.draining = True
    assert pool.pick("m", draw, prefer=second) is first


def test_a_draining_worker_gets_nothing_new_and_is_not_another() -> None:
    pool, (first, second) = fleet(2)
    first.draining = True
    pool.reindex()
    assert pool.pick("m") is second
    assert pool.another("m", avoid=(second,)) is None


@pytest.mark.parametrize("state", State)
def test_who_waits_for_a_worker_gets_whichever_is_back_first_however_it_stands(state: State) -> None:
    async def scenario() -> None:
        pool, workers = fleet(3)
        for worker in workers:
            worker.up = False
        pool.reindex()
        async with asyncio.TaskGroup() as group:
            waiting = [group.create_task(pool.comeback("m")) for _ in range(2)]
            await asyncio.sleep(0)
            workers[1].up, workers[1].health.state = True, state
            pool.reindex()
        assert [waited.result() for waited in waiting] == [workers[1]] * 2

    asyncio.run(scenario())


def test_policies_are_given_the_same_tuple_for_as_long_as_the_same_workers_serve() -> None:
    given: list[Sequence[Worker]] = []

    class Noting(LeastOutstanding):
        def choose(self, workers: Sequence[Worker], draw: Draw, avoid: Collection[Worker] = ()) -> Worker | None:
            given.append(workers)
            return super().choose(workers, draw, avoid)

    worker = Worker(id="w", locate=str, models={"m": ServedModel(id="m")}, up=True)
    pool = Pool([worker], HttpClient(connect_s=1.0, idle_s=1.0), probe_s=60.0, policy=Noting())
    for _ in range(2):
        pool.reindex()
        pool.pick("m")
    assert given[0] is given[1]


def test_an_alias_is_known_and_listed_under_its_own_name() -> None:
    served = {"m": ServedModel(id="m")}
    worker = Worker(id="w", locate=str, models=served, up=True)
    client = HttpClient(connect_s=1.0, idle_s=1.0)
    pool = Pool([worker], client, probe_s=60.0, aliases={"gpt": "m", "lost": "nothing"})
    assert (pool.resolve("gpt"), pool.resolve("m")) == ("m", "m")
    assert pool.knows("gpt")
    assert not pool.knows("lost")
    assert set(pool.models()) == {"m", "gpt"}
