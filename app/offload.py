"""Work that is too heavy or too hostile for the event loop, done in processes that can be killed.

A slot is a pebble pool of exactly one process, so that whatever goes wrong in a process (a crash, a job that hangs, a
kill from outside) belongs to one call and never to its neighbours. A call takes a free slot, or waits for one, and
its job keeps the slot until it ends, even where nobody waits for the result any more: a short job that lost its
caller is cheaper to finish than a process is to replace, and the time limit ends a long one.

Each process ignores Ctrl-C, has a bound on its memory, dies with its parent (Linux tells it so), and has an alarm of
its own behind the parent's time limit, so that it ends by itself where nobody is left to end it.
"""

from __future__ import annotations

import asyncio
import ctypes
import importlib
import multiprocessing
import os
import resource
import signal
import sys
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from app.errors import QuorumError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from typing import Self

R = TypeVar("R")

_ALARM_S = 1.0
"""Seconds after its limit at which a job ends itself, in case that the parent has not."""

_PR_SET_PDEATHSIG = 1


class OffloadError(QuorumError):
    """The job's process died or ran out of memory, or there was no process to be had; the pool goes on."""

    code = "offload_failed"


class OffloadBusyError(OffloadError):
    """Too many calls are waiting already."""

    status = 503
    code = "overloaded"


class Offload:
    """Runs pure functions of modules in a few processes, with a hard time limit each.

    No process exists before the first `call` or `warm`, and none after `close`. `max_waiting` bounds the calls that
    wait for a free process; `preload` names the modules that a process imports as it starts; `memory_mb` bounds the
    address space of each; `start_s` is what a process may take to start and to import what its job needs, before the
    job's own time begins. One `Offload` belongs to one event loop.
    """

    def __init__(
        self,
        *,
        max_workers: int = 2,
        max_waiting: int = 256,
        preload: tuple[str, ...] = ("math_verify",),
        memory_mb: int = 2048,
        start_s: float = 30.0,
    ) -> None:
        self._slots = [_Slot(preload=preload, memory_mb=memory_mb) for _ in range(max_workers)]
        self._free: asyncio.LifoQueue[_Slot | None] = asyncio.LifoQueue()
        self._running: set[asyncio.Future[Any]] = set()
        self._retiring: set[asyncio.Future[None]] = set()
        self._max_waiting = max_waiting
        self._start_s = start_s
        self._waiting = 0
        self._closed = False
        for slot in reversed(self._slots):
            self._free.put_nowait(slot)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def warm(self) -> None:
        """Start all processes in the background, each with its imports; returns at once."""
        for slot in self._slots:
            slot.start()

    async def call(self, function: Callable[..., R], *args: object, timeout_s: float) -> R:
        """Return `function(*args)`, run in a process.

        `function` and its arguments must be picklable, and what it raises is raised here. The limit of `timeout_s`
        seconds counts from the start of the function: time spent waiting for a free process is not part of it.
        Raises `TimeoutError` at the limit, `OffloadBusyError` where too many calls wait, and `OffloadError` where
        the process died. A process that was found dead is replaced, and the job given to the new one, once.
        """
        try:
            return await self._attempt(partial(function, *args), timeout_s)
        except BrokenProcessPool:
            return await self._last_attempt(partial(function, *args), timeout_s)

    async def close(self) -> None:
        """End all processes; calls that still wait or run fail with `OffloadError`."""
        self._closed = True
        self._free.put_nowait(None)
        for future in tuple(self._running):
            if not future.done():
                future.set_exception(OffloadError("The pool of processes was closed."))
        for slot in self._slots:
            self._retire(slot)
        while self._retiring:
            await asyncio.wait(tuple(self._retiring))

    async def _last_attempt(self, job: Callable[[], R], timeout_s: float) -> R:
        try:
            return await self._attempt(job, timeout_s)
        except BrokenProcessPool as error:
            raise OffloadError("A process of the pool can't be started, or dies before its work.") from error

    async def _attempt(self, job: Callable[[], R], timeout_s: float) -> R:
        """Run the job in the next free slot; raises `BrokenProcessPool` where the slot's process was dead before."""
        slot = await self._acquire()
        try:
            future = self._launch(slot, job, timeout_s)
        except BaseException:  # whatever the reason, the slot must not be lost
            self._free.put_nowait(slot)
            raise
        try:
            return await asyncio.shield(future)
        except ProcessExpired as error:
            raise OffloadError(f"The job's process died (exit code {error.exitcode}).") from error
        except MemoryError as error:
            raise OffloadError("The job ran out of memory.") from error

    async def _acquire(self) -> _Slot:
        if self._waiting >= self._max_waiting:
            raise OffloadBusyError(f"{self._waiting} calls are waiting for a process already.", retry_after_s=1)
        self._waiting += 1
        try:
            slot = await self._free.get()
        finally:
            self._waiting -= 1
        if slot is None or self._closed:
            self._free.put_nowait(None)
            raise OffloadError("The pool of processes is closed.")
        return slot

    def _launch(self, slot: _Slot, job: Callable[[], R], timeout_s: float) -> asyncio.Future[R]:
        """Start the job; the slot comes free when the job has ended, whoever still waits for it."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        if slot.broken:
            self._retire(slot)
        remote = slot.submit(job, timeout_s)
        guard = loop.call_later(self._start_s + timeout_s + 2 * _ALARM_S, self._abandon, slot, future)
        self._running.add(future)

        def release(ended: asyncio.Future[R]) -> None:
            guard.cancel()
            self._running.discard(ended)
            if isinstance(ended.exception(), BrokenProcessPool):
                self._retire(slot)
            self._free.put_nowait(slot)

        future.add_done_callback(release)
        remote.add_done_callback(lambda ended: _tell(loop, future, ended))
        return future

    def _abandon(self, slot: _Slot, future: asyncio.Future[R]) -> None:
        """Give up a job whose process neither ended nor was ended in time."""
        self._retire(slot)
        if not future.done():
            future.set_exception(TimeoutError("The job's process hung."))

    def _retire(self, slot: _Slot) -> None:
        """Take the slot's process away, in a thread, as that waits for its end; the next job starts a new one."""
        stop = slot.take()
        if stop is not None:
            ending = asyncio.get_running_loop().run_in_executor(None, stop)
            self._retiring.add(ending)
            ending.add_done_callback(self._retiring.discard)


class _Slot:
    """Room for one process, which is started on demand."""

    def __init__(self, *, preload: tuple[str, ...], memory_mb: int) -> None:
        self._preload = preload
        self._memory_mb = memory_mb
        self._pool: ProcessPool | None = None

    @property
    def broken(self) -> bool:
        """Whether there was a process, and it died while it had nothing to do."""
        return self._pool is not None and not self._pool.active

    def start(self) -> ProcessPool:
        """Start the process if there is none; takes a few milliseconds.

        Belongs on the event loop's thread: Linux tells a process of its parent's death when the thread that started
        it ends. Ctrl-C is held back meanwhile; the process, and those that replace it, inherit that.
        """
        if self._pool is not None:
            return self._pool
        initargs = (os.getpid(), self._preload, self._memory_mb)
        context = multiprocessing.get_context("spawn")
        pool = ProcessPool(max_workers=1, initializer=_prepare, initargs=initargs, context=context)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            _ = pool.active  # which starts it
        except OSError as error:
            raise BrokenProcessPool("No process can be started.") from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self._pool = pool
        return pool

    def submit(self, job: Callable[[], R], timeout_s: float) -> Future[R]:
        """Hand the job to the process."""
        return self.start().schedule(_limited, args=(job, timeout_s + _ALARM_S), timeout=timeout_s)

    def take(self) -> Callable[[], None] | None:
        """Forget the process, and return the function that ends it; None where there is no process."""
        pool, self._pool = self._pool, None
        if pool is None:
            return None
        pool.stop()
        return pool.join


def _tell(loop: asyncio.AbstractEventLoop, future: asyncio.Future[R], ended: Future[R]) -> None:
    """Hand the outcome of a job from pebble's thread to the event loop, if that still runs."""
    with suppress(RuntimeError):  # the loop was closed without `Offload.close`
        loop.call_soon_threadsafe(_settle, future, ended)


def _settle(future: asyncio.Future[R], ended: Future[R]) -> None:
    if future.done():
        return
    error = ended.exception()
    if error is None:
        future.set_result(ended.result())
    else:
        future.set_exception(error)


def _prepare(parent: int, preload: tuple[str, ...], memory_mb: int) -> None:  # pragma: no cover - not in this process
    """Set up a process, within it.

    SIGTERM and SIGALRM get their default action, which ends a process even in the midst of a long C function.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("The parent died before its process was ready.")
    memory = memory_mb * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for module in preload:
        importlib.import_module(module)


def _limited(job: Callable[[], R], alarm_s: float) -> R:  # pragma: no cover - not in this process
    """Run the job, in a process, under an alarm that needs no parent."""
    signal.setitimer(signal.ITIMER_REAL, alarm_s)
    try:
        return job()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
