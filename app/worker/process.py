"""vLLM's processes: a group of their own, none of which outlives `quorum worker`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncGenerator, Sequence


BURIAL_S = 5.0
"""Seconds to wait for killed processes to be gone; where no init buries them, they never are."""

LOOK_S = 0.05


class Vllm:
    """A running vLLM. `patience_s` is how long it may take to end once it is told to."""

    def __init__(self, process: Process, *, patience_s: float) -> None:
        self._process = process
        self._patience_s = patience_s

    @property
    def pid(self) -> int:
        """The API server's process, which leads the group."""
        return self._process.pid

    async def ended(self) -> int:
        """Wait for the API server's end; return its status as a shell tells it: 128 and the signal's number."""
        status = await self._process.wait()
        return status if status >= 0 else 128 - status

    async def stop(self, hurry: asyncio.Event) -> bool:
        """Tell it to end; wait until it has, its patience is used up or `hurry` is set; whether it ended by itself.

        Only the API server is told, as engines that get the signal, too, drop the requests that it waits for.
        """
        with suppress(ProcessLookupError):
            self._process.terminate()
        async with asyncio.TaskGroup() as group:
            waits = {group.create_task(self._process.wait()), group.create_task(hurry.wait())}
            done, _ = await asyncio.wait(waits, timeout=self._patience_s, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
        return bool(done) and not hurry.is_set()

    async def kill(self) -> None:
        """End all of the group at once, and wait until it is gone, so that its memory is free for the next.

        vLLM's engines outlive an API server that died.
        """
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        await self._process.wait()
        give_up = time.monotonic() + BURIAL_S
        while self._is_anybody_left() and time.monotonic() < give_up:  # noqa: ASYNC110 - the kernel sets no event
            await asyncio.sleep(LOOK_S)

    def _is_anybody_left(self) -> bool:
        try:
            os.killpg(self.pid, 0)
        except (ProcessLookupError, PermissionError):  # the latter is macOS' word for processes that are dead
            return False
        return True


@asynccontextmanager
async def started(command: Sequence[str], *, patience_s: float) -> AsyncGenerator[Vllm]:
    """Run vLLM while the context lasts; what is left of it then is killed. Its output goes where ours goes.

    Its environment is ours without what is meant for Quorum: a Redis' password is none of its business. Should this
    process be killed, vLLM is told to end, and killed `patience_s` seconds later. Raises OSError where the command
    can't be run.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("QUORUM_")}
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, start_new_session=True, env=environment
    )
    vllm = Vllm(process, patience_s=patience_s)
    try:
        async with last_will(vllm.pid, patience_s=patience_s):
            yield vllm
    finally:
        await vllm.kill()


@asynccontextmanager
async def last_will(group: int, *, patience_s: float) -> AsyncGenerator[None]:
    """Have a process end the group should this one be killed; see `last_will.py`."""
    script = str(Path(__file__).with_name("last_will.py"))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", script, str(group), str(patience_s)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
