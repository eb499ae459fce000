"""One run of bubblewrap, from its start until everything in it is dead."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Literal

import msgspec
import structlog

from app.errors import SandboxError
from app.sandbox.capture import Capture
from app.sandbox.launch import launch
from app.sandbox.rlimits import give_way
from app.sandbox.usage import used

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.sandbox.launch import Start

How = Literal["ended", "timed_out", "too_much_output", "too_much_memory", "too_many_files"]

_STATUS_BYTES = 4096
_WATCH_S = 0.05
_DEATH_S = 5.0
"""What a killed sandbox may take to be gone; longer only where the kernel itself hangs."""

_UNTOLD_S = 1.0
MOST_FILES = 16_384

log = structlog.stdlib.get_logger(__name__)


class _Told(msgspec.Struct, rename="kebab"):
    """One line of what bubblewrap tells of itself."""

    child_pid: int | None = None
    exit_code: int | None = None


class Process:
    """A started bubblewrap. Whoever made it awaits `end`, whatever happened; then its results can be read."""

    def __init__(self, start: Start, output_bytes: int) -> None:
        """Start it. Raises `OSError` where there are no processes, descriptors or memory to be had."""
        self.exit_code: int | None = None
        """Of the command; None where bubblewrap didn't get as far as running it, or was killed."""
        self.returncode: int | None = None
        self.dead = False
        self._loop = asyncio.get_running_loop()
        self._began = self._ended = time.monotonic()
        self._news: asyncio.Future[How] = self._loop.create_future()
        self._gone: asyncio.Future[None] = self._loop.create_future()
        self._init_pid = 0
        self._init_fd: int | None = None
        self._ours = False
        self._doomed = False
        with ExitStack() as kept:
            launched = launch(start, kept)
            self._bwrap = launched.popen
            self._bwrap_fd = launched.pidfd
            self.stdout = Capture(launched.stdout, output_bytes)
            self.stderr = Capture(launched.stderr, output_bytes)
            self._status = Capture(launched.status, _STATUS_BYTES)
            self._attend(launched.stdout, lambda: self._take(self.stdout), kept)
            self._attend(launched.stderr, lambda: self._take(self.stderr), kept)
            self._attend(launched.status, self._listen, kept)
            self._attend(launched.pidfd, self._bwrap_died, kept)
            self._kept = kept.pop_all()

    @property
    def seconds(self) -> float:
        """How long it ran."""
        return self._ended - self._began

    async def finished(self, wall_s: float, memory_bytes: int) -> How:
        """Wait until all has ended by itself, or goes beyond one of its limits."""
        deadline = self._began + wall_s
        while (left := deadline - time.monotonic()) > 0:
            await asyncio.wait({self._news}, timeout=min(left, _WATCH_S))
            if self._news.done():
                return self._news.result()
            if beyond := self._beyond(memory_bytes):
                return beyond
        return "timed_out"

    async def end(self) -> None:
        """Kill what is left and wait until nothing is, for a few seconds at most; a cancellation waits as long.

        Raises `SandboxError` where something can't be killed.
        """
        self._kill()
        cancelled: asyncio.CancelledError | None = None
        deadline = time.monotonic() + _DEATH_S
        try:
            while not self._gone.done() and (left := deadline - time.monotonic()) > 0:
                try:
                    await asyncio.wait({self._gone}, timeout=left)
                except asyncio.CancelledError as error:
                    cancelled = error
        finally:
            self._close()
        if cancelled is not None:
            raise cancelled
        if not self._gone.done():
            raise SandboxError("A sandbox that was killed does not end.")

    def _attend(self, fd: int, tell: Callable[[], None], kept: ExitStack) -> None:
        """Have the event loop say when there is something to read, until `kept` is closed."""
        self._loop.add_reader(fd, tell)
        kept.callback(self._loop.remove_reader, fd)

    def _beyond(self, memory_bytes: int) -> Literal["too_much_memory", "too_many_files"] | None:
        """Return what the sandbox has too much of, by a look from outside."""
        if not self._ours:
            return None
        give_way(self._init_pid)
        usage = used(self._init_pid)
        if usage.files > MOST_FILES:
            return "too_many_files"
        return "too_much_memory" if usage.memory > memory_bytes else None

    def _take(self, capture: Capture) -> None:
        if capture.read() == "end":
            self._loop.remove_reader(capture.fd)
        if capture.over:
            self._tell("too_much_output")

    def _listen(self) -> None:
        """Take in what bubblewrap tells of itself, one JSON object a line."""
        if self._status.read() == "end":
            self._loop.remove_reader(self._status.fd)
        *lines, rest = bytes(self._status.data).split(b"\n")
        self._status.data[:] = rest
        for line in lines:
            told = msgspec.json.decode(line, type=_Told)
            if told.child_pid is not None:
                self._meet(told.child_pid)
            if told.exit_code is not None:
                self.exit_code = told.exit_code

    def _meet(self, pid: int) -> None:
        """Hold on to the first process of the sandbox: the kernel ends all the others with it.

        It is dead when the last of them is. Where bubblewrap has gone already, the number may be a stranger's, so it is
        never killed: it is dying, if it isn't dead.
        """
        with suppress(ProcessLookupError):
            self._init_fd = os.pidfd_open(pid)
            self._init_pid = pid
            self._kept.callback(os.close, self._init_fd)
            self._attend(self._init_fd, self._init_died, self._kept)
            self._ours = _parent(pid) == self._bwrap.pid
        if self._doomed:
            self._kill()

    def _kill(self) -> None:
        self._doomed = True
        if self._init_fd is not None and self._ours:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._init_fd, signal.SIGKILL)
        elif self._init_fd is None and not self._gone.done():
            # It has not told yet whom to kill, which takes it a few milliseconds.
            timer = self._loop.call_later(_UNTOLD_S, self._bwrap.kill)
            self._gone.add_done_callback(lambda _: timer.cancel())

    def _bwrap_died(self) -> None:
        self._loop.remove_reader(self._bwrap_fd)
        self._listen()
        self.returncode = self._bwrap.wait()
        self._check_gone()

    def _init_died(self) -> None:
        assert self._init_fd is not None  # noqa: S101 - it is what has become readable
        self._loop.remove_reader(self._init_fd)
        self.dead = True
        self._check_gone()

    def _check_gone(self) -> None:
        """Once nothing lives, nothing more can be printed: read the rest."""
        if self.returncode is None or not (self.dead or self._init_fd is None) or self._gone.done():
            return
        self._ended = time.monotonic()
        self._bury()
        self.stdout.drain()
        self.stderr.drain()
        self._gone.set_result(None)
        self._tell("too_much_output" if self.stdout.over or self.stderr.over else "ended")

    def _bury(self) -> None:
        """Reap the sandbox's first process where orphans are left to us, as to the first process of a container."""
        if self._init_fd is not None:
            with suppress(ChildProcessError):
                os.waitid(os.P_PIDFD, self._init_fd, os.WEXITED | os.WNOHANG)

    def _tell(self, how: How) -> None:
        if not self._news.done():
            self._news.set_result(how)

    def _close(self) -> None:
        if not self._gone.done():
            log.error("a sandbox that was killed does not end", pid=self._bwrap.pid, init=self._init_pid)
        self._kept.close()


def _parent(pid: int) -> int | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:  # noqa: PTH123
            return int(stat.read().rpartition(b")")[2].split()[1])
    except OSError:
        return None
