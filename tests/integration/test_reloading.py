"""The configuration is read again at SIGHUP, and no request is lost by what changes in it."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.scripted.reply import Reply
from tests.scripted.scripts import always
from tests.scripted.upstream import Upstream
from tests.stage import MODEL
from tests.told import serving, starting

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.told import Told

CLIENTS = 8
STEADY = always(Reply(texts=("one two three",), delay_first_s=0.02, delay_per_chunk_s=0.02))


class Load:
    """Clients that ask one question after the other until they are told to stop."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self.statuses: list[int] = []
        self.over = False

    async def ask(self) -> None:
        """Be one of them."""
        while not self.over:
            self.statuses.append((await self._told.ask(strategy="parallel-2")).status_code)

    async def goes_on(self, requests: int = 2 * CLIENTS) -> None:
        """Return once so many more were answered."""
        until = len(self.statuses) + requests
        while len(self.statuses) < until:  # noqa: ASYNC110 - clients have no event for it
            await asyncio.sleep(0.01)


async def workers(told: Told) -> dict[str, dict[str, Any]]:
    """Return the workers by name."""
    listed = (await told.client.get("/admin/workers")).json()["data"]
    return {worker["name"]: worker for worker in listed}


async def until(told: Told, holds: Callable[[dict[str, dict[str, Any]]], bool]) -> None:
    """Return once `holds` of the workers."""
    async with asyncio.timeout(20):
        while not holds(await workers(told)):  # noqa: ASYNC110 - it is in another process
            await asyncio.sleep(0.02)


def write(file: Path, *listed: Upstream, more: str = "") -> None:
    """Configure these workers, named a, b and so on, and more keys before them."""
    tables = (f'{{name = "{name}", url = "{one.url}"}}' for name, one in zip("abc", listed, strict=False))
    file.write_text(f"{more}\nworkers = [{', '.join(tables)}]\n", encoding="utf-8")


@pytest.mark.slow
def test_under_load_workers_are_added_drained_and_removed_and_no_request_fails(tmp_path: Path) -> None:
    file = tmp_path / "quorum.toml"

    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            a, b, added = [await stack.enter_async_context(Upstream(STEADY, models=(MODEL,))) for _ in range(3)]
            write(file, a, b)
            told = await stack.enter_async_context(serving("--config", str(file)))
            load = Load(told)
            async with asyncio.TaskGroup() as group:
                for _ in range(CLIENTS):
                    group.create_task(load.ask())
                await load.goes_on()
                await told.client.post("/admin/workers", json={"url": added.url, "name": "added"})
                await load.goes_on()
                await told.client.post("/admin/workers/a/drain")
                await until(told, lambda all_: all_["a"]["in_flight"] == 0)
                write(file, a)
                told.process.send_signal(signal.SIGHUP)
                await until(told, lambda all_: all_.keys() == {"a", "added"})
                before = len(a.seen), len(b.seen)
                await load.goes_on()
                assert (len(a.seen), len(b.seen)) == before
                await told.client.post("/admin/workers/a/resume")
                await told.client.delete("/admin/workers/added")
                await until(told, lambda all_: all_.keys() == {"a"})
                await load.goes_on()
                load.over = True
            assert set(load.statuses) == {200}
            assert added.seen
            assert len(a.seen) > before[0]

    asyncio.run(scenario())


@pytest.mark.slow
def test_aliases_change_and_what_can_not_is_named_in_the_log(tmp_path: Path) -> None:
    file = tmp_path / "quorum.toml"

    async def scenario() -> None:
        async with Upstream(STEADY, models=(MODEL,)) as a, Upstream(STEADY, models=(MODEL,)) as b:
            write(file, a)
            async with serving("--config", str(file)) as told:
                assert (await told.ask(model="fast")).status_code == 404
                write(file, a, b, more=f'aliases = {{fast = "{MODEL}"}}\nlimits = {{max_candidates = 3}}\n')
                told.process.send_signal(signal.SIGHUP)
                await until(told, lambda all_: [one["url"] for one in all_.values()] == [a.url, b.url])
                assert (await told.ask(model="fast")).status_code == 200
                assert (await told.ask(strategy="parallel-4")).status_code == 200
                told.process.send_signal(signal.SIGTERM)
                log = await told.ended()
        assert '"limits.max_candidates"' in log

    asyncio.run(scenario())


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_a_signal_that_comes_while_it_starts_is_kept_until_it_can_reload(tmp_path: Path, processes: int) -> None:
    file = tmp_path / "quorum.toml"

    async def scenario() -> None:
        async with Upstream(STEADY, models=(MODEL,)) as worker:
            write(file, worker)
            flags = ("--config", str(file), "--processes", str(processes))
            async with starting(*flags, TMPDIR=str(tmp_path)) as told:
                write(file, worker, more=f'aliases = {{fast = "{MODEL}"}}')
                told.process.send_signal(signal.SIGHUP)
                await told.until(200)
                async with asyncio.timeout(20):
                    while (await told.ask(model="fast")).status_code != 200:  # noqa: ASYNC110 - it is in another process
                        await asyncio.sleep(0.05)
                told.process.send_signal(signal.SIGTERM)
                log = await told.ended()
        assert "configuration reloaded" in log

    asyncio.run(scenario())


@pytest.mark.slow
@pytest.mark.parametrize("broken", ["workers = [", None])
def test_a_configuration_that_can_not_be_used_changes_nothing(tmp_path: Path, broken: str | None) -> None:
    file = tmp_path / "quorum.toml"

    async def scenario() -> None:
        async with Upstream(STEADY, models=(MODEL,)) as worker:
            write(file, worker)
            async with serving("--config", str(file)) as told:
                before = await workers(told)
                file.unlink() if broken is None else file.write_text(broken)
                told.process.send_signal(signal.SIGHUP)
                assert await told.logged("reload failed")
                assert await workers(told) == before
                assert (await told.ask()).status_code == 200

    asyncio.run(scenario())


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_a_file_that_was_found_at_the_start_and_is_gone_changes_nothing(tmp_path: Path, processes: int) -> None:
    file = tmp_path / "quorum.toml"

    async def scenario() -> None:
        async with Upstream(STEADY, models=(MODEL,)) as worker:
            write(file, worker)
            async with serving("--processes", str(processes), directory=tmp_path) as told:
                file.unlink()
                told.process.send_signal(signal.SIGHUP)
                assert await told.logged("there was a file when the server started")
                assert (await told.client.get("/readyz")).json()["workers"] == 1
                assert (await told.ask()).status_code == 200

    asyncio.run(scenario())


@pytest.mark.slow
def test_a_file_that_lists_no_workers_any_more_is_obeyed_with_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "quorum.toml"

    async def scenario() -> None:
        async with Upstream(STEADY, models=(MODEL,)) as worker:
            write(file, worker)
            async with serving("--config", str(file)) as told:
                write(file)
                told.process.send_signal(signal.SIGHUP)
                assert await told.logged("no workers are listed any more")
                await until(told, lambda all_: not all_)

    asyncio.run(scenario())
