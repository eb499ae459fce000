from __future__ import annotations

import asyncio
import os
import signal
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest
from structlog.testing import capture_logs

from app.worker.supervisor import Rhythm, Supervisor

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from app.worker.plan import Plan

    MakePlan = Callable[..., Plan]

QUICK = Rhythm(every_s=0.01, timeout_s=0.5, failures=2, grace_s=0.2)
DIES_WITH = 7


class Stage:
    """A supervised fake vLLM; `announced` says what gateways have been told: models, and None when taken back."""

    def __init__(self, plan: Plan) -> None:
        self.announced: list[tuple[str, ...] | None] = []
        self.slow_to_leave = asyncio.Event()
        self.slow_to_leave.set()
        self._supervisor = Supervisor(plan, self._announce, rhythm=QUICK)
        self._client = httpx2.AsyncClient(base_url=plan.own_url)
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def _announce(self, models: tuple[str, ...]) -> AsyncGenerator[None]:
        await self._tell(models)
        try:
            yield
        finally:
            await self._tell(None)
            await self.slow_to_leave.wait()

    async def _tell(self, what: tuple[str, ...] | None) -> None:
        async with self._changed:
            self.announced.append(what)
            self._changed.notify_all()

    async def run(self) -> int:
        """Run the supervisor to its end."""
        try:
            return await self._supervisor.run()
        finally:
            await self._client.aclose()

    async def until_told(self, times: int) -> None:
        """Return once gateways have been told so many times."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.announced) >= times)

    async def order(self, action: str) -> None:
        """Have the fake do something."""
        await self._client.post(f"/fake/{action}")

    async def pids(self) -> list[int]:
        """Return its processes, once it answers."""
        while True:
            try:
                return (await self._client.get("/fake/pids")).json()
            except httpx2.TransportError:
                await asyncio.sleep(0.01)


def interrupt(number: signal.Signals = signal.SIGTERM) -> None:
    """Send this process a signal."""
    os.kill(os.getpid(), number)


def alive(pid: int) -> bool:
    """Whether there is a process that isn't merely waiting to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def until_gone(*pids: int) -> None:
    """Return once no process is left; pytest's time-out ends the waiting."""
    while any(map(alive, pids)):  # noqa: ASYNC110 - another process sets no event
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_takes_the_worker_back_and_then_ends_vllm_with_its_engines(
    make_plan: MakePlan, number: signal.Signals
) -> None:
    async def scenario() -> None:
        stage = Stage(make_plan())
        stage.slow_to_leave.clear()
        async with asyncio.TaskGroup() as group:
            running = group.create_task(stage.run())
            await stage.until_told(1)
            pids = await stage.pids()
            interrupt(number)
            await stage.until_told(2)
            assert all(map(alive, pids))
            stage.slow_to_leave.set()
        assert running.result() == 0
        assert stage.announced == [("fake",), None]
        await until_gone(*pids)

    asyncio.run(scenario())


def test_vllm_that_dies_is_taken_back_and_its_status_is_ours(make_plan: MakePlan) -> None:
    async def scenario() -> None:
        stage = Stage(make_plan())
        with capture_logs() as logs:
            async with asyncio.TaskGroup() as group:
                running = group.create_task(stage.run())
                await stage.until_told(1)
                _, engine = await stage.pids()
                with pytest.raises(httpx2.TransportError):
                    await stage.order("die")
        assert running.result() == DIES_WITH
        assert stage.announced == [("fake",), None]
        assert [(line["event"], line["status"]) for line in logs if "status" in line] == [
            ("vLLM ended by itself", DIES_WITH)
        ]
        await until_gone(engine)

    asyncio.run(scenario())


def test_vllm_that_is_killed_ends_us_as_a_shell_tells_it(make_plan: MakePlan) -> None:
    async def scenario() -> None:
        stage = Stage(make_plan())
        async with asyncio.TaskGroup() as group:
            running = group.create_task(stage.run())
            await stage.until_told(1)
            server, engine = await stage.pids()
            os.kill(server, signal.SIGKILL)
        assert running.result() == 128 + signal.SIGKILL
        await until_gone(engine)

    asyncio.run(scenario())


def test_vllm_that_does_not_start_was_never_announced(make_plan: MakePlan) -> None:
    async def scenario() -> None:
        stage = Stage(make_plan("--break"))
        assert await stage.run() == DIES_WITH
        assert stage.announced == []

    asyncio.run(scenario())


def test_vllm_is_announced_only_once_it_answers(make_plan: MakePlan) -> None:
    async def scenario() -> None:
        stage = Stage(make_plan("--slow-start"))
        async with asyncio.TaskGroup() as group:
            group.create_task(stage.run())
            await stage.pids()
            assert stage.announced == []
            await stage.order("well")
            await stage.until_told(1)
            interrupt()

    asyncio.run(scenario())


def test_vllm_that_hangs_is_taken_back_until_it_answers_again(make_plan: MakePlan) -> None:
    async def scenario() -> None:
        stage = Stage(make_plan())
        with capture_logs() as logs:
            async with asyncio.TaskGroup() as group:
                group.create_task(stage.run())
                await stage.until_told(1)
                await stage.order("hang")
                await stage.until_told(2)
                await stage.order("well")
                await stage.until_told(3)
                interrupt()
        assert stage.announced == [("fake",), None, ("fake",), None]
        assert "vLLM hangs" in [line["event"] for line in logs]

    asyncio.run(scenario())


def test_vllm_that_ignores_the_signal_is_killed_in_the_end(make_plan: MakePlan) -> None:
    async def scenario() -> None:
        stage = Stage(make_plan())
        async with asyncio.TaskGroup() as group:
            running = group.create_task(stage.run())
            await stage.until_told(1)
            pids = await stage.pids()
            await stage.order("stubborn")
            interrupt()
        assert running.result() == 1
        await until_gone(*pids)

    asyncio.run(scenario())


def test_a_second_signal_kills_vllm_at_once(make_plan: MakePlan) -> None:
    async def scenario() -> None:
        stage = Stage(make_plan("--shutdown-timeout", "600"))
        async with asyncio.TaskGroup() as group:
            running = group.create_task(stage.run())
            await stage.until_told(1)
            pids = await stage.pids()
            await stage.order("stubborn")
            interrupt()
            await stage.until_told(2)
            await asyncio.sleep(0)
            interrupt(signal.SIGINT)
        assert running.result() == 128 + signal.SIGINT
        await until_gone(*pids)

    asyncio.run(scenario())


def test_a_second_signal_does_not_wait_for_a_lease(make_plan: MakePlan) -> None:
    async def scenario() -> None:
        stage = Stage(make_plan("--shutdown-timeout", "600"))
        stage.slow_to_leave.clear()
        async with asyncio.TaskGroup() as group:
            group.create_task(stage.run())
            await stage.until_told(1)
            pids = await stage.pids()
            interrupt()
            await stage.until_told(2)
            interrupt()
            await until_gone(*pids)
            stage.slow_to_leave.set()

    asyncio.run(scenario())


def test_a_signal_before_vllm_answers_ends_it_too(make_plan: MakePlan) -> None:
    async def scenario() -> None:
        stage = Stage(make_plan("--slow-start"))
        async with asyncio.TaskGroup() as group:
            running = group.create_task(stage.run())
            pids = await stage.pids()
            interrupt()
        assert running.result() == 0
        assert stage.announced == []
        await until_gone(*pids)

    asyncio.run(scenario())


def test_a_supervisor_that_is_cancelled_leaves_nothing_behind(make_plan: MakePlan) -> None:
    async def scenario() -> None:
        stage = Stage(make_plan())
        async with asyncio.TaskGroup() as group:
            running = group.create_task(stage.run())
            await stage.until_told(1)
            pids = await stage.pids()
            running.cancel()
        assert stage.announced[-1] is None
        await until_gone(*pids)

    asyncio.run(scenario())
