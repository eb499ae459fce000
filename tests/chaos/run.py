"""One chaos run, from the first process to the last figure."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from tests.chaos.clients import Clients
from tests.chaos.figures import Counts, Figures
from tests.chaos.judging import Fate, Judged
from tests.chaos.phases import PHASES
from tests.chaos.processes import Worker, gateway, started

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from tests.chaos.clients import Asking
    from tests.chaos.phases import Phase
    from tests.chaos.processes import Server

WORKERS = 4
DEADLINE_S = 30
"""Of a request, at the gateway; after this and `LATE_S` it is lost."""

LATE_S = 10
AFTER_S = 1.0
"""Seconds after a client has left from which on tokens are unwanted."""

USUAL_S = 60.0
"""The length of a phase at which the gateway's own defaults are used; in shorter ones it is as much quicker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long each phase lasts, and how many clients ask; `log` takes what the servers write."""

    seconds: float = USUAL_S
    clients: int = 32
    seed: int = 0
    log: Path | None = None

    @property
    def settings(self) -> str:
        """The gateway's configuration: the defaults of a phase's usual length, in proportion."""
        share = self.seconds / USUAL_S
        return (
            f"[limits]\ndeadline_s = {DEADLINE_S}\n"
            f"[timeouts]\nprobe_s = {10.0 * share}\n"
            f"[health]\nbackoff_s = {5.0 * share}\nmax_backoff_s = {300.0 * share}\nslow_start_s = {15.0 * share}\n"
        )


class Chaos:
    """The run's parts together, while it lasts."""

    def __init__(self, plan: Plan, workers: Sequence[Worker], front: Server, group: asyncio.TaskGroup) -> None:
        self.figures = Figures([phase.name for phase in PHASES])
        self._plan = plan
        self._workers = workers
        self._front = front
        self._group = group
        self._clients = Clients(
            front.url, many=plan.clients, seed=plan.seed, patience_s=DEADLINE_S + LATE_S, book=self._book
        )

    async def run(self, say: Callable[[str], None]) -> None:
        """Go through all phases, then count what is left."""
        counts = await self._counts()
        asking = self._group.create_task(self._clients.run())
        for number, (phase, row) in enumerate(zip(PHASES, self.figures.rows, strict=True)):
            say(phase.name)
            self._clients.phase = number
            row.before = counts
            await self._pass(phase)
            row.after = counts = await self._counts()
        self._clients.over = True
        await asking
        await asyncio.sleep(2 * AFTER_S)
        self.figures.rows[-1].after = await self._counts()

    async def _pass(self, phase: Phase) -> None:
        """Let a phase go by."""
        for worker in self._workers:
            if phase.harm:
                await phase.harm(worker)
            await asyncio.sleep(self._plan.seconds / len(self._workers))
            if phase.heal:
                await phase.heal(worker)

    async def _counts(self) -> Counts:
        metrics = await self._front.get("/metrics")
        return Counts.of(metrics.decode(), [await worker.unwanted() for worker in self._workers])

    def _book(self, asking: Asking, judged: Judged, seconds: float) -> None:
        self.figures.book(asking.phase, str(asking), judged, seconds)
        if judged.fate is Fate.LEFT:
            for worker in self._workers:
                self._group.create_task(_tell(worker, asking.number))


async def run(plan: Plan, say: Callable[[str], None]) -> Figures:
    """Run the chaos and return what it found; `say` is told of every phase that begins."""
    with tempfile.TemporaryDirectory() as directory, _log(plan) as log:
        workers = [Worker(seed=plan.seed * WORKERS + number, log=log) for number in range(WORKERS)]
        front = gateway(workers, Path(directory) / "quorum.toml", plan.settings, log)
        async with started(workers), started([front]), asyncio.TaskGroup() as group:
            chaos = Chaos(plan, workers, front, group)
            await chaos.run(say)
        return chaos.figures


async def _tell(worker: Worker, question: int) -> None:
    await asyncio.sleep(AFTER_S)
    await worker.left(question)


@contextmanager
def _log(plan: Plan) -> Generator[IO[bytes]]:
    if plan.log is None:
        with tempfile.TemporaryFile() as file:
            yield file
    else:
        with plan.log.open("wb") as file:
            yield file
