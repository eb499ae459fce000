"""Keeping a pool up to date: who its workers are, how they are, and who comes back into service."""

from __future__ import annotations

import asyncio
import itertools
import time
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Protocol

import structlog

from app.workers.health import State
from app.workers.probing import PROBE_TIMEOUT_S
from app.workers.stragglers import TICK_S
from app.workers.worker import MAX_NAMES, NOT_ASKED, WHY_IGNORED

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence

    from app.workers.discovery.base import Source
    from app.workers.ejection import Ejector
    from app.workers.probing import Prober
    from app.workers.roster import Roster
    from app.workers.stragglers import Stragglers
    from app.workers.worker import Worker

LOAD_EVERY_S = 1.0
"""Seconds between two looks at what a worker says of its load; more where there are more than `LOADS_A_S` workers."""

LOADS_A_S = 100
DOWN_EVERY_S, DOWN_A_S = 1.0, 100
"""The same for asking a worker that is down whether it is back."""

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
    ejector: Ejector
    stragglers: Stragglers
    suspects: set[Worker]

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
        self._numbers = itertools.count(1)

    @asynccontextmanager
    async def kept(self) -> AsyncGenerator[None]:
        """Learn all there is to know, then keep that up for as long as the context lasts."""
        heard = [asyncio.Event() for _ in self._sources]
        async with asyncio.TaskGroup() as group:
            following = zip(self._sources, heard, strict=True)
            tasks = [group.create_task(self._follow(source, event)) for source, event in following]
            await self._probe(self._pool.roster.workers)
            await _all_or(FIRST_WORD_S, dict(zip((source.name for source in self._sources), heard, strict=True)))
            loops = (self._probes(), self._loads(), self._ticks(), self._pool.stragglers.watch())
            tasks += [group.create_task(loop) for loop in loops]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()

    async def _follow(self, source: Source, heard: asyncio.Event) -> None:
        """Take in what a source names, again and again."""
        asked = Round(self.ask)
        async with asyncio.TaskGroup() as group:
            async for announced in source.watch():
                new = self._pool.roster.take(source.name, announced, numbered=source.name == LISTED)
                self._pool.reindex()
                if heard.is_set():
                    asked.begin(group, new)
                else:
                    await self._probe(new)
                    heard.set()

    async def _probes(self) -> None:
        """Ask all workers how they are, again and again: those that are down more often, as they are waited for."""
        asked = Round(self.ask)
        async with asyncio.TaskGroup() as group:
            last = time.monotonic()
            while True:
                down = [worker for worker in self._pool.roster.workers if not worker.up]
                await asyncio.sleep(min(self._probe_s, max(DOWN_EVERY_S, len(down) / DOWN_A_S)))
                now = time.monotonic()
                if now - last >= self._probe_s:
                    last, down = now, self._pool.roster.workers
                asked.begin(group, down)

    async def _loads(self) -> None:
        """Ask all workers that tell it how much they have to do, again and again."""
        asked = Round(self._prober.read_load)
        async with asyncio.TaskGroup() as group:
            while True:
                workers = self._pool.roster.workers
                await asyncio.sleep(max(LOAD_EVERY_S, len(workers) / LOADS_A_S))
                asked.begin(group, [worker for worker in workers if worker.up and worker.traits.tells_load])

    async def _ticks(self) -> None:
        """Let workers come back into service and the drained go, and ask the suspects."""
        asked = Round(partial(self.ask, timeout_s=SUSPECT_TIMEOUT_S))
        async with asyncio.TaskGroup() as group:
            while True:
                await asyncio.sleep(TICK_S)
                self._pool.ejector.tend(time.monotonic())
                if self._pool.roster.forget_drained():
                    self._pool.reindex()
                asked.begin(group, self._pool.suspects)
                self._pool.suspects.clear()

    async def _probe(self, workers: Iterable[Worker]) -> None:
        """Ask workers how they are; return when all have answered, or should have."""
        async with asyncio.TaskGroup() as group:
            Round(self.ask).begin(group, workers)

    async def ask_now(self, worker: Worker) -> None:
        """Ask a suspect at once; of those who want to know while it is being asked, one asks anew for all."""
        wanted = next(self._numbers)
        async with worker.asking:
            if worker.answered < wanted:
                await self.ask(worker, timeout_s=SUSPECT_TIMEOUT_S)

    async def ask(self, worker: Worker, timeout_s: float = PROBE_TIMEOUT_S) -> None:
        """Ask a worker how it is, and put that down."""
        before, ignored = (worker.up, worker.models, worker.limit), worker.ignored
        asked = next(self._numbers)
        problem = await self._prober.problem(worker, timeout_s)
        if asked < worker.answered:
            return  # what was asked later was answered sooner
        worker.answered = asked
        self._note(worker, problem)
        _, models, _ = before
        if gone := sorted(models.keys() - worker.models.keys()):
            worker.models_gone += len(gone)
            log.warning("models gone", worker=worker.id, count=len(gone), models=gone[:MAX_NAMES])
        if worker.ignored != ignored:
            log.warning("models ignored", worker=worker.id, count=worker.ignored, reason=WHY_IGNORED)
        if before != (worker.up, worker.models, worker.limit):
            self._pool.reindex()

    def _note(self, worker: Worker, problem: str | None) -> None:
        """Put down why a worker can't be used, or that it can."""
        was_up, before = worker.up, worker.problem
        worker.up, worker.problem = problem is None, problem
        if problem is None:
            if not was_up:
                names = sorted(worker.models)[:MAX_NAMES]
                log.info("worker up", worker=worker.id, engine=worker.traits.name, models=names)
                if before != NOT_ASKED and worker.health.state is State.IN_SERVICE:
                    worker.health.warm_up(time.monotonic())
        elif was_up or before == NOT_ASKED:
            log.warning("worker down", worker=worker.id, url=worker.url, reason=problem)
        elif problem != before:
            log.info("worker still down", worker=worker.id, reason=problem)


class Round:
    """Asks workers something, each at most once at a time, so that one that hangs holds up no other."""

    def __init__(self, ask: Callable[[Worker], Awaitable[None]]) -> None:
        self._ask = ask
        self._asking: set[Worker] = set()

    def begin(self, group: asyncio.TaskGroup, workers: Iterable[Worker]) -> None:
        """Ask all of them, as tasks of the group, but those that are still at the last question."""
        for worker in workers:
            if worker not in self._asking:
                self._asking.add(worker)
                group.create_task(self._asked(worker))

    async def _asked(self, worker: Worker) -> None:
        """Ask one. Whatever goes wrong with it, the others are asked, and again."""
        try:
            await self._ask(worker)
        except Exception:
            log.exception("worker can't be asked", worker=worker.id)
        finally:
            self._asking.discard(worker)


async def _all_or(seconds: float, events: Mapping[str, asyncio.Event]) -> None:
    """Return when the events of all sources are set, or after so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            for event in events.values():
                await event.wait()
    except TimeoutError:
        silent = [name for name, event in events.items() if not event.is_set()]
        log.warning("a source of workers says nothing yet", sources=silent, waited_s=seconds)
