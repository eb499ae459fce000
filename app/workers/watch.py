"""Keeping a pool up to date: who its workers are, how they are, and who comes back into service."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

import structlog

from app.workers.health import State
from app.workers.probing import PROBE_TIMEOUT_S
from app.workers.stragglers import TICK_S
from app.workers.worker import NOT_ASKED

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Sequence

    from app.workers.discovery.base import Source
    from app.workers.health import HealthRules
    from app.workers.probing import Prober
    from app.workers.roster import Roster
    from app.workers.stragglers import Stragglers
    from app.workers.worker import Worker

LOAD_EVERY_S = 1.0
"""Seconds between two looks at what a worker says of its load; more where there are more than `LOADS_A_S` workers."""

LOADS_A_S = 100
SUSPECT_TIMEOUT_S = 2.0
"""Seconds that a worker has to answer when it has fallen silent."""

FIRST_WORD_S = 5.0
"""Seconds that the start waits for what each source names first."""

LISTED = "urls"
"""The source whose workers are numbered where they have no name."""

log = structlog.stdlib.get_logger(__name__)


class Watched(Protocol):
    """What is kept up to date: a pool."""

    roster: Roster
    rules: HealthRules
    stragglers: Stragglers
    suspects: set[Worker]

    @property
    def ready(self) -> bool:
        """Whether at least one worker can serve."""
        ...

    def reindex(self) -> None:
        """Be told that what some worker may serve has changed."""
        ...


class Watch:
    """Follows the sources of a pool's workers and asks each how it is, every `probe_s` seconds and on suspicion."""

    def __init__(self, pool: Watched, prober: Prober, sources: Sequence[Source], *, probe_s: float) -> None:
        self._pool = pool
        self._prober = prober
        self._sources = sources
        self._probe_s = probe_s

    @asynccontextmanager
    async def kept(self) -> AsyncGenerator[None]:
        """Learn all there is to know, then keep that up for as long as the context lasts."""
        heard = [asyncio.Event() for _ in self._sources]
        async with asyncio.TaskGroup() as group:
            following = zip(self._sources, heard, strict=True)
            tasks = [group.create_task(self._follow(source, event)) for source, event in following]
            await self._probe(self._pool.roster.workers)
            await _all_or(FIRST_WORD_S, heard)
            loops = (self._probes(), self._loads(), self._ticks(), self._pool.stragglers.watch())
            tasks += [group.create_task(loop) for loop in loops]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()

    async def _follow(self, source: Source, heard: asyncio.Event) -> None:
        """Take in what a source names, again and again."""
        async for announced in source.watch():
            new = self._pool.roster.take(source.name, announced, numbered=source.name == LISTED)
            self._pool.reindex()
            await self._probe(new)
            heard.set()

    async def _probes(self) -> None:
        while True:
            await asyncio.sleep(self._probe_s if self._pool.ready else min(1.0, self._probe_s))
            await self._probe(self._pool.roster.workers)

    async def _loads(self) -> None:
        while True:
            workers = self._pool.roster.workers
            await asyncio.sleep(max(LOAD_EVERY_S, len(workers) / LOADS_A_S))
            async with asyncio.TaskGroup() as group:
                for worker in workers:
                    if worker.up and worker.traits.tells_load:
                        group.create_task(self._prober.read_load(worker))

    async def _ticks(self) -> None:
        """Warm workers up, put those on trial whose ejection is over, let the drained go, and ask the suspects."""
        async with asyncio.TaskGroup() as group:
            while True:
                await asyncio.sleep(TICK_S)
                now = time.monotonic()
                changed = bool(self._pool.roster.forget_drained())
                for worker in self._pool.roster.workers:
                    worker.warmth = worker.health.warmth(self._pool.rules, now)
                    if worker.health.try_again(now):
                        log.info("worker on trial", worker=worker.id)
                        changed = True
                if changed:
                    self._pool.reindex()
                for worker in self._pool.suspects:
                    group.create_task(self.ask(worker, SUSPECT_TIMEOUT_S))
                self._pool.suspects.clear()

    async def _probe(self, workers: Iterable[Worker]) -> None:
        async with asyncio.TaskGroup() as group:
            for worker in workers:
                group.create_task(self.ask(worker))

    async def ask(self, worker: Worker, timeout_s: float = PROBE_TIMEOUT_S) -> None:
        """Ask a worker how it is, and put that down."""
        before = worker.up, worker.models, worker.limit
        problem = await self._prober.problem(worker, timeout_s)
        worker.up = problem is None
        if problem != worker.problem:
            if problem:
                log.warning("worker down", worker=worker.id, url=worker.url, reason=problem)
            else:
                log.info("worker up", worker=worker.id, engine=worker.traits.name, models=sorted(worker.models))
        if worker.up and worker.problem not in {None, NOT_ASKED} and worker.health.state is State.IN_SERVICE:
            worker.health.start(time.monotonic())
        worker.problem = problem
        if before != (worker.up, worker.models, worker.limit):
            self._pool.reindex()


async def _all_or(seconds: float, events: Sequence[asyncio.Event]) -> None:
    """Return when all events are set, or after so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            for event in events:
                await event.wait()
    except TimeoutError:
        log.warning("a source of workers says nothing yet", waited_s=seconds)
