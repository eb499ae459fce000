"""A child as its parent sees it."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

from app.processes.child import serve

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from app.processes.child import Task

INHERITED = frozenset({signal.SIGHUP, signal.SIGINT})
"""What a child inherits as blocked, so that none of them ends it, or passes it by, before it is ready."""


class Handle:
    """A child that has been started for `task`; to be used on the main thread's event loop."""

    def __init__(self, task: Task) -> None:
        context = multiprocessing.get_context("spawn")
        self._report, other_end = context.Pipe(duplex=False)
        self._process: BaseProcess = context.Process(target=serve, args=(task, other_end), name="gateway")
        before = signal.pthread_sigmask(signal.SIG_BLOCK, INHERITED)
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        other_end.close()

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self._process.pid is not None  # noqa: S101 - it has been started
        return self._process.pid

    async def started(self) -> bool:
        """Wait until it serves, or has ended before it could; return which."""
        await _readable(self._report.fileno())
        return _has_word(self._report)

    async def ended(self) -> int:
        """Wait until it has ended; return its status, or the signal that ended it, as a negative number."""
        await _readable(self._process.sentinel)
        self._process.join()
        return self._process.exitcode or 0

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        if self._process.is_alive():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


def _has_word(report: Connection) -> bool:
    try:
        report.recv()
    except EOFError:
        return False
    finally:
        report.close()
    return True


async def _readable(descriptor: int) -> None:
    """Wait until there is something to read, be it the end."""
    loop = asyncio.get_running_loop()
    there = asyncio.Event()
    loop.add_reader(descriptor, there.set)
    try:
        await there.wait()
    finally:
        loop.remove_reader(descriptor)
