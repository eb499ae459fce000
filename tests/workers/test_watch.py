from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import structlog

from app.errors import NoConnectionLeftError, WorkerStalledError, WorkerUnreachableError
from app.workers import watch
from app.workers.discovery.urls import Urls
from app.workers.pool import Pool
from app.workers.worker import Worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from app.workers.call import Call
    from app.workers.discovery.base import Announced


REFUSED = WorkerUnreachableError("no connection to the worker: connection refused")


class Fleet:
    """A client whose workers list `models`.

    A page that is in `hanging` never comes, one in `frozen` fails as if so, one in `broken` raises what nobody expects;
    none is asked for where there is no connection `left`.
    """

    def __init__(self) -> None:
        self.models = ["m", "n"]
        self.hanging: set[str] = set()
        self.frozen: set[str] = set()
        self.broken: set[str] = set()
        self.left = True
        self.fetched: list[str] = []

    def stream(self, url: str, body: bytes) -> Call:
        raise NotImplementedError(url, body)

    async def fetch(self, url: str, *, timeout_s: float) -> bytes:
        self.fetched.append(url)
        if not self.left:
            raise NoConnectionLeftError(url)
        if url in self.hanging:
            await asyncio.sleep(timeout_s)
        if url in self.hanging | self.frozen:
            raise WorkerStalledError(url)
        if url in self.broken:
            raise ZeroDivisionError(url)
        listed = ", ".join(f'{{"id": "{name}", "owned_by": "vllm"}}' for name in self.models)
        return f'{{"data": [{listed}]}}'.encode()


class Silent(Urls):
    """A source that names nobody, nor that there is nobody."""

    async def watch(self) -> AsyncIterator[Sequence[Announced]]:
        await asyncio.Event().wait()
        yield ()


def watched(
    fleet: Fleet, scenario: Callable[[Pool], Awaitable[None]], count: int = 2, probe_s: float = 0.02
) -> Sequence[structlog.typing.EventDict]:
    """Run a scenario with a pool of workers at http://w0 and so on; return what was logged."""

    async def run() -> None:
        workers = [Worker(id=f"w{i}", locate=lambda i=i: f"http://w{i}") for i in range(count)]
        pool = Pool(workers, fleet, probe_s=probe_s)  # pyright: ignore[reportArgumentType] - nothing is posted
        async with pool.watched():
            await scenario(pool)

    with structlog.testing.capture_logs() as logged:
        asyncio.run(asyncio.wait_for(run(), 20))
    return logged


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110 - what is waited for tells nobody
        await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LOAD_EVERY_S", 0.02)
    monkeypatch.setattr(watch, "SUSPECT_TIMEOUT_S", 0.2)


@pytest.mark.parametrize("page", ["metrics", "health", "v1/models"])
def test_a_page_that_hangs_holds_up_no_other_worker(page: str) -> None:
    fleet = Fleet()

    async def scenario(_: Pool) -> None:
        fleet.hanging = {f"http://w0/{page}"}
        await until(lambda: fleet.fetched.count(f"http://w0/{page}") > 1)
        fleet.fetched.clear()
        await until(lambda: fleet.fetched.count(f"http://w1/{page}") >= 5)
        assert fleet.fetched.count(f"http://w0/{page}") <= 1

    watched(fleet, scenario)


@pytest.mark.parametrize("page", ["metrics", "v1/models"])
def test_an_answer_that_nobody_thought_of_is_logged_and_the_watch_goes_on(page: str) -> None:
    fleet = Fleet()

    async def scenario(pool: Pool) -> None:
        fleet.broken = {f"http://w0/{page}"}
        await until(lambda: fleet.fetched.count(f"http://w0/{page}") >= 3)
        fleet.fetched.clear()
        await until(lambda: fleet.fetched.count(f"http://w1/{page}") >= 3)
        assert pool.workers[1].up

    logged = watched(fleet, scenario)
    assert "worker can't be asked" in {entry["event"] for entry in logged}


def test_a_worker_that_is_down_is_asked_more_often_whether_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "DOWN_EVERY_S", 0.02)
    fleet = Fleet()

    async def scenario(pool: Pool) -> None:
        pool.lost(pool.workers[0], REFUSED)
        await until(lambda: pool.workers[0].up)
        assert fleet.fetched.count("http://w1/health") == 1

    watched(fleet, scenario, probe_s=60)


def test_a_model_that_vanishes_is_logged_and_counted() -> None:
    fleet = Fleet()

    async def scenario(pool: Pool) -> None:
        fleet.models = ["m"]
        await until(lambda: not pool.knows("n"))
        assert pool.workers[0].models_gone == 1
        assert pool.knows("m")

    (gone,) = (entry for entry in watched(fleet, scenario, count=1) if entry["event"] == "models gone")
    assert (gone["worker"], gone["models"], gone["log_level"]) == ("w0", ["n"], "warning")


def test_a_frozen_worker_is_told_of_once_however_often_and_for_whatever_reason_it_is_asked() -> None:
    fleet = Fleet()

    async def scenario(pool: Pool) -> None:
        fleet.frozen = {"http://w0/health"}
        pool.suspects.add(pool.workers[0])
        await until(lambda: not pool.workers[0].up)
        await pool.probe(pool.workers[0])

    logged = watched(fleet, scenario, probe_s=60)
    assert [entry["event"] for entry in logged if "down" in entry["event"]] == ["worker down"]


def test_what_was_asked_earlier_and_is_answered_later_does_not_count() -> None:
    fleet = Fleet()

    async def scenario(pool: Pool) -> None:
        worker, fleet.hanging = pool.workers[0], {"http://w0/health"}
        pool.suspects.add(worker)
        await until(lambda: not pool.suspects)
        fleet.hanging = set()
        await pool.probe(worker)
        fleet.frozen = {"http://w0/health"}
        await asyncio.sleep(2 * watch.SUSPECT_TIMEOUT_S)
        assert worker.up

    watched(fleet, scenario, probe_s=60)


def test_many_who_want_to_know_at_once_whether_a_worker_is_down_ask_it_once_for_all() -> None:
    fleet = Fleet()

    async def scenario(pool: Pool) -> None:
        worker, fleet.hanging = pool.workers[0], {"http://w0/health"}
        fleet.fetched.clear()
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(pool.is_down(worker)) for _ in range(20)]
        assert all(task.result() for task in asked)
        assert fleet.fetched.count("http://w0/health") <= 2  # the first one's, and one for all who came after that

    watched(fleet, scenario, probe_s=60)


def test_whether_a_worker_is_down_is_asked_anew_however_lately_it_was_up() -> None:
    fleet = Fleet()

    async def scenario(pool: Pool) -> None:
        worker = pool.workers[0]
        await pool.probe(worker)
        assert not await pool.is_down(worker)
        fleet.frozen = {"http://w0/health"}
        assert await pool.is_down(worker)

    watched(fleet, scenario, probe_s=60)


def test_another_reason_for_being_down_is_told_apart() -> None:
    fleet = Fleet()

    async def scenario(pool: Pool) -> None:
        pool.lost(pool.workers[0], REFUSED)
        fleet.models = []
        await pool.probe(pool.workers[0])

    told = [(entry["event"], entry["reason"]) for entry in watched(fleet, scenario, probe_s=60) if "reason" in entry]
    assert told == [("worker down", REFUSED.message), ("worker still down", "it serves no model")]


def test_what_is_known_of_a_worker_stands_where_it_can_not_be_asked_for_the_gateways_own_sake() -> None:
    fleet = Fleet()

    async def scenario(pool: Pool) -> None:
        fleet.left = False
        for _ in range(2):
            await pool.probe(pool.workers[0])
            assert pool.workers[0].up
            pool.lost(pool.workers[0], WorkerUnreachableError("gone"))
            await pool.probe(pool.workers[0])
            assert not pool.workers[0].up
            fleet.left = True
            await pool.probe(pool.workers[0])
            fleet.left = False

    watched(fleet, scenario, probe_s=60)


def test_the_sources_that_say_nothing_at_the_start_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "FIRST_WORD_S", 0.05)
    sources = [Silent(name="dns:a"), Urls(), Silent(name="dns:b")]

    async def run() -> None:
        pool = Pool([], Fleet(), probe_s=60, sources=sources)  # pyright: ignore[reportArgumentType] - as above
        async with pool.watched():
            pass

    with structlog.testing.capture_logs() as logged:
        asyncio.run(asyncio.wait_for(run(), 20))
    assert [line["sources"] for line in logged] == [["dns:a", "dns:b"]]
