from __future__ import annotations

import asyncio
import fcntl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from app.errors import ConflictError, NotFoundError, UnavailableError
from app.siblings.place import Place
from app.workers.discovery.base import Announced
from app.workers.notebook import PrivateNotebook
from app.workers.pool import Pool
from app.workers.shared_notebook import SharedNotebook
from app.workers.steward import Steward
from app.workers.worker import Worker

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable
    from pathlib import Path

    from app.workers.notebook import Notebook

A, B = Announced(url="http://a:1", name="a"), Announced(url="http://b:1", name="b")
MODELS = b'{"data": [{"id": "m"}]}'


class Willing:
    """A client whose workers answer at once."""

    @asynccontextmanager
    async def stream(self, url: str, body: bytes) -> AsyncGenerator[AsyncIterator[bytes]]:
        raise AssertionError(url, body)
        yield

    async def fetch(self, url: str, *, timeout_s: float) -> bytes:
        assert url
        assert timeout_s
        return MODELS


class Mute(Willing):
    """A client whose workers say nothing until they have waited for the end."""

    async def fetch(self, url: str, *, timeout_s: float) -> bytes:
        assert url
        await asyncio.sleep(timeout_s)
        return MODELS


class Broken(Willing):
    """A client that fails as nobody expects."""

    async def fetch(self, url: str, *, timeout_s: float) -> bytes:
        raise ZeroDivisionError(url, timeout_s)


class Process:
    """The part of one gateway process that an operator talks to."""

    def __init__(self, notebook: Notebook, client: Willing | None = None, *workers: Worker) -> None:
        self.pool = Pool(workers, client or Willing(), probe_s=60)
        self.steward = Steward(self.pool, notebook)

    @property
    def names(self) -> set[str]:
        return {worker.id for worker in self.pool.workers if not worker.dismissed}

    @property
    def drained(self) -> set[str]:
        return {worker.id for worker in self.pool.workers if worker.draining}


def processes(directory: Path, count: int = 2) -> list[Process]:
    places = [Place(index=index, count=count, directory=directory) for index in range(count)]
    return [Process(SharedNotebook(place)) for place in places]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


def test_a_sibling_that_catches_up_does_what_was_wished_and_asks_what_is_new_to_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        one, two = processes(tmp_path)
        await one.steward.add(A)
        await two.steward.add(B)
        await two.steward.drain("a")
        await one.steward.catch_up()
        assert (one.names, one.drained) == (two.names, two.drained) == ({"a", "b"}, {"a"})
        assert all(worker.up for worker in one.pool.workers)
        await one.steward.resume("a")
        await one.steward.remove("b")
        await two.steward.catch_up()
        assert (two.names, two.drained) == ({"a"}, set())

    asyncio.run(scenario())


def test_changes_at_once_wait_for_each_other_and_none_is_lost(tmp_path: Path) -> None:
    async def scenario() -> None:
        several = processes(tmp_path, 4)
        workers = [Announced(url=f"http://w:{number}", name=f"w{number}") for number in range(1, 21)]
        async with asyncio.TaskGroup() as group:
            for number, worker in enumerate(workers):
                group.create_task(several[number % 4].steward.add(worker))
        for process in several:
            await process.steward.catch_up()
            assert process.names == {worker.name for worker in workers}

    asyncio.run(scenario())


def test_what_a_sibling_has_added_is_taken_and_removed_as_if_it_were_ones_own(tmp_path: Path) -> None:
    async def scenario() -> None:
        one, two = processes(tmp_path)
        await one.steward.add(A)
        with pytest.raises(ConflictError):
            await two.steward.add(A)
        with pytest.raises(ConflictError):
            await two.steward.add(Announced(url="http://c:1", name="a"))
        assert (await two.steward.remove("a")).dismissed
        with pytest.raises(NotFoundError):
            await one.steward.drain("nobody")
        assert one.names == set()

    asyncio.run(scenario())


@pytest.mark.parametrize(("name", "called"), [("c", "c"), (None, "a:1")])
def test_a_worker_that_is_removed_and_added_anew_has_one_name_also_where_it_is_still_busy(
    name: str | None, called: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        one, two = processes(tmp_path)
        await one.steward.add(A)
        await two.steward.catch_up()
        two.pool.workers[0].load.begin(1, 10)
        await one.steward.remove("a")
        one.pool.roster.forget_drained()
        await one.steward.add(Announced(url=A.url, name=name))
        await two.steward.catch_up()
        assert one.names == two.names == {called}

    asyncio.run(scenario())


def test_a_process_catches_up_by_itself_and_at_its_start(tmp_path: Path) -> None:
    async def scenario() -> None:
        one, two = processes(tmp_path)
        await one.steward.add(A)
        async with two.steward.kept():
            assert two.names == {"a"}
            await one.steward.add(B)
            await until(lambda: two.names == {"a", "b"})

    asyncio.run(scenario())


def unlink(path: Path) -> None:
    path.unlink()


def damage(path: Path) -> None:
    path.write_bytes(b'{"version": 9, "added": [{"url": "')


@pytest.mark.parametrize("lose", [unlink, damage])
def test_wishes_outlive_the_file_that_holds_them(lose: Callable[[Path], None], tmp_path: Path) -> None:
    async def scenario() -> None:
        one, two, three = processes(tmp_path, 3)
        await one.steward.add(A)
        lose(tmp_path / "wishes")
        async with two.steward.kept(), one.steward.kept():
            await until(lambda: two.names == {"a"})
        await three.steward.catch_up()
        assert one.names == three.names == {"a"}

    asyncio.run(scenario())


def test_a_worker_that_does_not_answer_a_sibling_is_known_to_it_and_asked_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        one, _ = processes(tmp_path)
        two = Process(SharedNotebook(Place(index=1, count=2, directory=tmp_path)), Mute())
        await one.steward.add(A)
        await two.steward.catch_up()
        assert two.names == {"a"}
        assert {worker.id for worker in two.pool.suspects} == {"a"}

    asyncio.run(scenario())


def test_a_worker_that_can_not_be_asked_for_a_reason_that_nobody_expects_ends_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        one, _ = processes(tmp_path)
        two = Process(SharedNotebook(Place(index=1, count=2, directory=tmp_path)), Broken())
        await one.steward.add(A)
        await two.steward.catch_up()
        assert two.names == {"a"}

    asyncio.run(scenario())


def test_a_change_that_gets_no_turn_or_can_not_be_written_down_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        one, _ = processes(tmp_path)
        with (tmp_path / "wishes.lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with pytest.raises(UnavailableError, match="try again"):
                await one.steward.add(A)
        for blocked in ("wishes.new", "wishes"):
            (tmp_path / blocked).mkdir()
            with pytest.raises(UnavailableError, match="nothing was changed"):
                await one.steward.add(A)
            (tmp_path / blocked).rmdir()
        assert one.names == set()
        await one.steward.add(A)
        assert one.names == {"a"}

    asyncio.run(scenario())


def test_a_server_whose_directory_is_gone_says_that_nothing_can_be_changed(tmp_path: Path) -> None:
    async def scenario() -> None:
        one, _ = processes(tmp_path / "gone")
        with pytest.raises(UnavailableError, match="No such file"):
            await one.steward.add(A)

    asyncio.run(scenario())


def test_a_drained_worker_that_goes_and_comes_again_stays_drained_until_it_is_resumed() -> None:
    async def scenario() -> None:
        process = Process(PrivateNotebook())
        process.pool.roster.take("dns", [A])
        async with process.steward.kept():
            await process.steward.drain("a")
            process.pool.roster.take("dns", [])
            process.pool.roster.forget_drained()
            process.pool.roster.take("dns", [A])
            await until(lambda: process.drained == {"a"})
            await process.steward.resume("a")
            assert process.drained == set()

    asyncio.run(scenario())


def test_a_worker_that_is_removed_and_added_anew_serves() -> None:
    async def scenario() -> None:
        process = Process(PrivateNotebook())
        for _ in range(2):
            worker = await process.steward.add(A)
            assert worker.serves
            await process.steward.drain("a")
            await process.steward.remove("a")
            assert not worker.serves

    asyncio.run(scenario())


def test_the_servers_own_worker_stays_drained_where_it_has_moved(tmp_path: Path) -> None:
    async def scenario() -> None:
        address = "http://127.0.0.1:1"
        notebooks = [SharedNotebook(Place(index=index, count=2, directory=tmp_path)) for index in range(2)]
        one, two = (Process(one, None, Worker(id="embedded", locate=lambda: address)) for one in notebooks)
        await one.steward.drain("embedded")
        address = "http://127.0.0.1:2"
        await two.steward.catch_up()
        assert two.drained == {"embedded"}
        with pytest.raises(ConflictError, match="the server itself"):
            await two.steward.remove("embedded")

    asyncio.run(scenario())
