from __future__ import annotations

import asyncio
import multiprocessing
import operator
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, BinaryIO

import pytest
import uvloop

from app.offload import Offload, OffloadBusyError, OffloadError
from tests.tools import descriptors_left

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine

MATH = ("math_verify",)


def light(**settings: int) -> Offload:
    return Offload(preload=(), **settings)


others: set[int] = set()
"""Processes of this program that were there before the test: those of a gateway that other tests share."""


@pytest.fixture(autouse=True)
def _only_own_children() -> None:
    others.clear()
    others.update(children())


def children() -> set[int]:
    """Return the processes that the test itself has started."""
    return {one.pid for one in multiprocessing.active_children() if one.pid is not None} - others


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - nothing announces the death of a stranger's child
            await asyncio.sleep(0.02)


@asynccontextmanager
async def running(offload: Offload) -> AsyncGenerator[asyncio.Task[bytes]]:
    """Keep a process of the pool busy, from the start to the end of the block, with the call that is given."""
    with TemporaryDirectory() as folder:
        gate = Path(folder) / "gate"
        os.mkfifo(gate)
        call = asyncio.create_task(offload.call(gate.read_bytes, timeout_s=60))
        with await _opened(gate):  # as it can be once somebody reads
            yield call
        await asyncio.wait([call])


async def _opened(gate: Path) -> BinaryIO:
    async with asyncio.timeout(20):
        while True:
            with suppress(OSError):
                return os.fdopen(os.open(gate, os.O_WRONLY | os.O_NONBLOCK), "wb")
            await asyncio.sleep(0.02)


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[object, object, None]], None]:
    return asyncio.run if request.param == "asyncio" else uvloop.run


def test_a_call_returns_the_result_from_another_process(run: Callable[[Coroutine[object, object, None]], None]) -> None:
    async def scenario() -> None:
        async with light() as offload:
            assert await offload.call(operator.add, 2, 3, timeout_s=5) == 5
            assert await offload.call(os.getppid, timeout_s=5) == os.getpid()

    run(scenario())


def test_nothing_runs_before_the_first_call_and_nothing_after_close(
    run: Callable[[Coroutine[object, object, None]], None],
) -> None:
    async def scenario() -> None:
        before = children(), threading.active_count()
        offload = light()
        assert children() == before[0]
        await offload.call(os.getpid, timeout_s=5)
        assert len(children()) == len(before[0]) + 1
        await offload.close()
        assert children() == before[0]

    run(scenario())


def test_no_file_descriptor_is_left_behind() -> None:
    async def scenario() -> None:
        async with light() as offload:
            await offload.call(os.getpid, timeout_s=5)

    asyncio.run(scenario())  # starts what multiprocessing keeps for the life of this process
    before = descriptors()
    asyncio.run(scenario())
    assert descriptors() <= before


def test_warm_starts_every_process_with_its_imports() -> None:
    async def scenario() -> None:
        async with Offload(max_workers=1, preload=("wsgiref",)) as offload:
            offload.warm()
            assert len(children()) == 1
            listed = await offload.call(eval, "str(__import__('sys').modules)", timeout_s=5)  # noqa: S307 - our text
            assert "wsgiref" in listed

    asyncio.run(scenario())


def test_what_the_function_raises_is_raised_here() -> None:
    async def scenario() -> None:
        async with light() as offload:
            with pytest.raises(ZeroDivisionError):
                await offload.call(divmod, 1, 0, timeout_s=5)
            with pytest.raises((AttributeError, TypeError)):
                await offload.call(lambda: 0, timeout_s=5)  # a function without a name can't be sent
            assert await offload.call(abs, -1, timeout_s=5) == 1

    asyncio.run(scenario())


def test_the_limit_ends_a_sleeping_and_a_computing_job_and_the_next_call_works() -> None:
    async def scenario() -> None:
        async with light(max_workers=1) as offload:
            first = await offload.call(os.getpid, timeout_s=5)
            with pytest.raises(TimeoutError):
                await offload.call(time.sleep, 60, timeout_s=0.2)
            with pytest.raises(TimeoutError):
                await offload.call(pow, 9, 9**9, timeout_s=0.2)  # never leaves C, so no Python handler could run
            assert await offload.call(os.getpid, timeout_s=5) != first

    asyncio.run(scenario())


def test_a_dying_process_fails_its_own_call_only() -> None:
    async def scenario() -> None:
        async with light() as offload:
            async with running(offload) as neighbour:
                with pytest.raises(OffloadError):
                    await offload.call(os._exit, 3, timeout_s=5)
                with pytest.raises(OffloadError):
                    await offload.call(signal.raise_signal, signal.SIGKILL, timeout_s=5)
                assert await offload.call(abs, -1, timeout_s=5) == 1
            assert await neighbour == b""

    asyncio.run(scenario())


def test_a_process_killed_while_idle_is_replaced_without_a_failure() -> None:
    async def scenario() -> None:
        async with light(max_workers=1) as offload:
            process = await offload.call(os.getpid, timeout_s=5)
            threads = threading.active_count()
            os.kill(process, signal.SIGKILL)
            await until(lambda: threading.active_count() < threads)  # as the pool has noticed
            assert await offload.call(abs, -1, timeout_s=5) == 1
            os.kill(await offload.call(os.getpid, timeout_s=5), signal.SIGKILL)
            assert await offload.call(abs, -1, timeout_s=5) == 1  # whether or not it has noticed

    asyncio.run(scenario())


def test_a_process_that_cannot_start_is_an_error_and_not_a_loop() -> None:
    async def scenario() -> None:
        async with Offload(preload=("no_such_module_anywhere",)) as offload:
            with pytest.raises(OffloadError, match="can't be started"):
                await offload.call(abs, -1, timeout_s=5)

    asyncio.run(scenario())


def test_a_start_without_file_descriptors_is_an_error_and_the_next_call_works() -> None:
    async def scenario() -> None:
        async with light(max_workers=1) as offload:
            with descriptors_left(1), pytest.raises(OffloadError, match="can't be started"):
                await offload.call(abs, -1, timeout_s=5)
            assert await offload.call(abs, -1, timeout_s=5) == 1

    asyncio.run(scenario())


def test_a_process_that_hangs_outside_of_its_job_is_given_up_and_replaced() -> None:
    async def scenario() -> None:
        async with Offload(max_workers=1, preload=(), start_s=0.1) as offload:
            process = await offload.call(os.getpid, timeout_s=5)
            os.kill(process, signal.SIGSTOP)
            with pytest.raises(TimeoutError, match="hung"):
                await offload.call(abs, -1, timeout_s=0.1)
            assert await offload.call(os.getpid, timeout_s=5) != process

    asyncio.run(scenario())


def test_a_job_that_takes_too_much_memory_fails_alone() -> None:
    async def scenario() -> None:
        async with light(memory_mb=512) as offload:
            with pytest.raises(OffloadError, match="memory"):
                await offload.call(bytearray, 2**30, timeout_s=5)
            assert await offload.call(abs, -1, timeout_s=5) == 1

    asyncio.run(scenario())


def test_a_cancelled_call_leaves_its_short_job_and_the_process_alone() -> None:
    async def scenario() -> None:
        async with light(max_workers=1) as offload:
            process = await offload.call(os.getpid, timeout_s=5)
            async with running(offload) as job:
                job.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await job
            assert await offload.call(os.getpid, timeout_s=5) == process

    asyncio.run(scenario())


def test_a_cancelled_call_does_not_let_its_long_job_run_past_the_limit() -> None:
    async def scenario() -> None:
        async with light(max_workers=1) as offload:
            process = await offload.call(os.getpid, timeout_s=5)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await offload.call(time.sleep, 3600, timeout_s=0.5)
            assert await offload.call(os.getpid, timeout_s=5) != process

    asyncio.run(scenario())


def test_a_call_cancelled_while_it_waits_never_runs(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with light(max_workers=1) as offload:
            async with running(offload):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0):
                        await offload.call(os.mkdir, str(tmp_path / "made"), timeout_s=5)
            await offload.call(abs, -1, timeout_s=5)
        assert not (tmp_path / "made").exists()

    asyncio.run(scenario())


def test_the_number_of_waiting_calls_is_bounded() -> None:
    async def scenario() -> None:
        async with light(max_workers=1, max_waiting=1) as offload, asyncio.TaskGroup() as group:
            async with running(offload):
                waiting = group.create_task(offload.call(abs, -1, timeout_s=5))
                await asyncio.sleep(0)  # in which it begins to wait
                with pytest.raises(OffloadBusyError):
                    await offload.call(abs, -1, timeout_s=5)
            assert await waiting == 1

    asyncio.run(scenario())


def test_close_fails_running_and_waiting_calls_and_later_ones() -> None:
    async def scenario() -> None:
        offload = light(max_workers=1)
        async with running(offload) as first:
            calls = [first, *(asyncio.ensure_future(offload.call(abs, -1, timeout_s=5)) for _ in range(2))]
            await asyncio.sleep(0)  # in which they begin to wait
            await offload.close()
            for call in calls:
                with pytest.raises(OffloadError, match="closed"):
                    await call
        with pytest.raises(OffloadError, match="closed"):
            await offload.call(abs, -1, timeout_s=5)
        assert not children()
        await offload.close()

    asyncio.run(scenario())


def test_ctrl_c_does_not_reach_the_processes() -> None:
    async def scenario() -> None:
        async with light(max_workers=1) as offload:
            offload.warm()
            (process,) = children()
            for _ in range(20):  # while it starts, too
                os.kill(process, signal.SIGINT)
                await asyncio.sleep(0.01)
            assert await offload.call(os.getpid, timeout_s=5) == process
            assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())

    asyncio.run(scenario())


PARENT = """
    import asyncio, os, time
    from app.offload import Offload

    async def main():
        offload = Offload(preload=(), max_workers=2)
        async with asyncio.TaskGroup() as group:
            group.create_task(offload.call(time.sleep, 3600, timeout_s=3600))
            process = await offload.call(os.getpid, timeout_s=10)
            group.create_task(offload.call(pow, 9, 9**9, timeout_s=3600))
            await asyncio.sleep(0)  # in which the job is handed to the process
            print(process, flush=True)

    if __name__ == "__main__":
        asyncio.run(main())
"""


def test_processes_do_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(textwrap.dedent(PARENT), encoding="utf-8")
    here = Path(__file__).parent.parent
    with subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(here)}
    ) as parent:
        assert parent.stdout is not None
        process = int(parent.stdout.readline())
        asyncio.run(until(lambda: _state(process) == "R"))
        members = {process, *_children_of(parent.pid)}
        parent.kill()
    asyncio.run(until(lambda: all(_state(member) == "Z" for member in members)))


def _children_of(parent: int) -> set[int]:
    listed = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii")
    return {int(pid) for pid in listed.split()}


def _state(pid: int) -> str:
    """Return the state of a process, such as `R` for one that computes; `Z` also where it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "Z"


def test_it_works_on_the_loop_of_another_thread() -> None:
    async def scenario() -> None:
        async with light() as offload:
            results.append(await offload.call(abs, -1, timeout_s=5))

    results: list[object] = []
    thread = threading.Thread(target=lambda: asyncio.run(scenario()))
    thread.start()
    thread.join()
    assert results == [1]
