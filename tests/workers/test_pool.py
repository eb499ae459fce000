from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from app.errors import WorkerStalledError
from app.workers.load import Load
from app.workers.pool import Pool
from app.workers.traits import LLAMA_CPP
from app.workers.worker import ServedModel, Worker

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator


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
