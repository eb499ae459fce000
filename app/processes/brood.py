"""The children: started, replaced when they die, and told to end."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import TYPE_CHECKING

import structlog

from app.processes.handle import Handle
from app.server import LAST_WORDS_S
from app.telemetry.ended import keep_counts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.processes.child import Task
    from app.siblings.place import Place

MARGIN_S = 10.0
"""Seconds that a child may take to end beyond what its requests have; then it is killed."""

LAST_S = 3.0
"""Seconds that it may take beyond its last words where it was told to end at once."""

FIRST_DELAY_S = 0.1
LONGEST_DELAY_S = 30.0
STEADY_AFTER_S = 60.0
FAILED = 1

log = structlog.stdlib.get_logger(__name__)


class Brood:
    """A child for each of `tasks`, of which the first shows whether any can start.

    `make` makes one, or raises OSError. Their requests have `grace_s` seconds once they are told to end.
    """

    def __init__(self, tasks: Sequence[Task], *, grace_s: float, make: Callable[[Task], Handle] = Handle) -> None:
        self._tasks = tasks
        self._make = make
        self._grace_s = grace_s
        self._living: set[Handle] = set()
        self._ending = asyncio.Event()
        self._hurry = asyncio.Event()
        self._counting = asyncio.Lock()

    async def run(self) -> int:
        """Keep the children going until they are told to end, and have ended; return the exit status.

        It is 0 unless the first could not start: why, it says itself, and the status is its own; or unless a process
        could not be made for each, which the log tells.
        """
        try:
            async with asyncio.TaskGroup() as group:
                seeing_off = group.create_task(self._see_off())
                status = await self._live()
                seeing_off.cancel()
        finally:
            self._tell(signal.SIGKILL)  # nobody is left, unless something here has failed
        return status

    def end(self) -> None:
        """Tell the children to end; the second time, at once."""
        if self._ending.is_set():
            self._hurry.set()
        else:
            log.info("stopping", requests_have_s=self._grace_s, hint="interrupt again to end at once")
            for task in self._tasks:
                task.listener.close()
        self._ending.set()
        self._tell(signal.SIGTERM)

    def reload(self) -> None:
        """Tell the children to read their configuration anew."""
        self._tell(signal.SIGHUP)

    def _tell(self, number: signal.Signals) -> None:
        for child in self._living:
            child.tell(number)

    async def _live(self) -> int:
        """Start the first child and, once it serves, the others; return the exit status when all have ended."""
        if self._ending.is_set():
            return 0
        if (first := self._begin(self._tasks[:1])) is None:
            return FAILED
        if not await first[0].started():
            status = await first[0].ended()
            return 0 if self._ending.is_set() else abs(status) or FAILED
        if (others := self._begin(() if self._ending.is_set() else self._tasks[1:])) is None:
            return FAILED
        async with asyncio.TaskGroup() as group:
            for task, child in zip(self._tasks, [*first, *others], strict=False):
                group.create_task(self._keep(task, child))
        return 0

    def _begin(self, tasks: Sequence[Task]) -> list[Handle] | None:
        """Start a child for each task; None where no process can be made for one."""
        children: list[Handle] = []
        for task in tasks:
            try:
                children.append(self._start(task))
            except OSError as error:
                reason = f"process {task.place.index} can't be made: {error.strerror or error}"
                log.error("start failed", reason=reason, processes=task.place.count)  # noqa: TRY400 - that says it
                return None
        return children

    def _start(self, task: Task) -> Handle:
        child = self._make(task)
        self._living.add(child)
        return child

    async def _keep(self, task: Task, child: Handle) -> None:
        """Replace a child whenever it ends, the later the oftener it has, until all are to end."""
        delay_s = FIRST_DELAY_S
        while True:
            began = time.monotonic()
            status = await child.ended()
            self._living.discard(child)
            await self._keep_counts(task.place)
            if self._ending.is_set():
                return
            if time.monotonic() - began > STEADY_AFTER_S:
                delay_s = FIRST_DELAY_S
            log.warning("process died", process=task.place.index, exit_status=status, restart_in_s=delay_s)
            following, delay_s = await self._replace(task, delay_s)
            if following is None:
                return
            child = following

    async def _keep_counts(self, place: Place) -> None:
        """Keep what a child that has ended had counted; several may have ended at once."""
        try:
            async with self._counting:
                await asyncio.to_thread(keep_counts, place)
        except OSError as error:
            log.warning("counts lost", process=place.index, reason=str(error))

    async def _replace(self, task: Task, delay_s: float) -> tuple[Handle | None, float]:
        """Start a child after the delay; return it, None where all are to end, and the next delay."""
        child = None
        while child is None and not await _within(delay_s, self._ending):
            delay_s = min(2 * delay_s, LONGEST_DELAY_S)
            try:
                child = self._start(task)
                log.info("process restarted", process=task.place.index, pid=child.pid)
            except OSError as error:  # no process can be made at the moment
                log.warning("process not restarted", process=task.place.index, reason=str(error), retry_in_s=delay_s)
        return child, delay_s

    async def _see_off(self) -> None:
        """Kill those that haven't ended when their time is up, or a moment after they were told to end at once."""
        await self._ending.wait()
        await _within(self._grace_s + MARGIN_S, self._hurry)
        await asyncio.sleep(LAST_WORDS_S + LAST_S)
        log.warning("processes killed", reason="they did not end in time", processes=len(self._living))
        self._tell(signal.SIGKILL)


async def _within(seconds: float, event: asyncio.Event) -> bool:
    """Wait for an event, for so long at most; return whether it came."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
