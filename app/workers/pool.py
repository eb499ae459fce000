"""The workers as a whole: which there are, which may serve, and which one takes the next candidates."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from app.errors import ModelNotFoundError, NoWorkerError, WorkerStatusError
from app.workers.balancing.base import Draw
from app.workers.balancing.two_choices import TwoChoices
from app.workers.health import HealthRules, State
from app.workers.probing import PROBE_TIMEOUT_S, Prober
from app.workers.retries import Allowance
from app.workers.stragglers import TICK_S, Behind, Stragglers
from app.workers.worker import NOT_ASKED

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Sequence

    from app.errors import CandidateError
    from app.workers.balancing.base import Policy
    from app.workers.client import Client
    from app.workers.worker import ServedModel, Worker

MAX_NAMES = 20
COMPLAINT_S = 1.0
"""Seconds between two log lines on failed calls of one worker."""

LOAD_EVERY_S = 1.0
"""Seconds between two looks at what a worker says of its load; more where there are more than `LOADS_A_S` workers."""

LOADS_A_S = 100
FULL = 503
SUSPECT_TIMEOUT_S = 2.0
"""Seconds that a worker has to answer when it has fallen silent."""

ANY = Draw()

log = structlog.stdlib.get_logger(__name__)


class Pool:
    """Keeps the workers known, gives out those that may serve, and takes those out of service that fail.

    Each is asked what it serves at the start and every `probe_s` seconds. `retries` and `hedges` are what may be
    asked a second time, because it failed or because its worker is slow; `ejections` counts by worker and reason.
    """

    def __init__(
        self,
        workers: Iterable[Worker],
        client: Client,
        *,
        probe_s: float,
        policy: Policy | None = None,
        rules: HealthRules | None = None,
        retries: Allowance | None = None,
        hedges: Allowance | None = None,
    ) -> None:
        self.workers: list[Worker] = list(workers)
        self.retries = retries or Allowance(share=0.2, burst=100.0, per_s=1.0)
        self.hedges = hedges or Allowance(share=0.05, burst=20.0)
        self.ejections = Counter[tuple[str, str]]()
        self.stragglers = Stragglers(self._fell_behind)
        self._policy = policy or TwoChoices()
        self._rules = rules or HealthRules()
        self._prober = Prober(client)
        self._probe_s = probe_s
        self._serving: dict[str, tuple[Worker, ...]] = {}
        self._trials: Sequence[Worker] = ()
        self._suspected: set[Worker] = set()
        self._group: asyncio.TaskGroup | None = None

    @asynccontextmanager
    async def watched(self) -> AsyncGenerator[None]:
        """Probe all workers once, then keep an eye on them for as long as the context lasts."""
        await self._probe_all()
        async with asyncio.TaskGroup() as group:
            self._group = group
            watches = [
                group.create_task(watch)
                for watch in (self._watch(), self._watch_loads(), self._watch_health(), self.stragglers.watch())
            ]
            try:
                yield
            finally:
                self._group = None
                for watch in watches:
                    watch.cancel()

    @property
    def ready(self) -> bool:
        """Whether at least one worker can serve."""
        return any(worker.up and not worker.draining for worker in self.workers)

    def models(self) -> dict[str, ServedModel]:
        """Return what the workers that are up serve, by name."""
        return {name: model for worker in self.workers if worker.up for name, model in worker.models.items()}

    def knows(self, model: str) -> bool:
        """Whether any worker, up or not, is known to serve `model`."""
        return any(model in worker.models for worker in self.workers)

    def pick(self, model: str, draw: Draw = ANY, *, prefer: Worker | None = None) -> Worker:
        """Return the worker for the next candidates of `model`.

        It is one that is on trial, if there is such a one and nothing is under way there; `prefer`, if that may serve
        and isn't full or far busier than the policy's choice; else the policy's choice. Raises `NoWorkerError` where
        none is up and `ModelNotFoundError` where those that are don't serve the model.
        """
        if tried := self._on_trial(model):
            return tried
        serving = self._serving.get(model) or self._last_resort(model)
        if not serving:
            raise self._nobody(model)
        chosen = self._policy.choose(serving, draw)
        if prefer is None or prefer is chosen or not prefer.serves or model not in prefer.models or prefer.room <= 0:
            return chosen
        busier = prefer.load.outstanding > 2 * chosen.load.outstanding + draw.tokens
        return chosen if busier else prefer

    def check(self, model: str) -> None:
        """Make sure that `model` can be served now. Raises what `pick` raises."""
        if not self._serving.get(model) and not self._last_resort(model):
            raise self._nobody(model)

    def another(self, model: str, draw: Draw = ANY, *, than: Worker) -> Worker | None:
        """Return a worker for `model` but that one; None where there is no other."""
        serving = self._serving.get(model, ())
        if not serving or serving == (than,):
            serving = self._last_resort(model)
        others = tuple(worker for worker in serving if worker is not than)
        return self._policy.choose(others, draw) if others else None

    def served(self, worker: Worker) -> None:
        """Note a call that went well, and at a usual pace."""
        if worker.health.succeeded(self._rules, time.monotonic()):
            log.info("worker back", worker=worker.id, hint="it gets its full share again by and by")
            self._reindex()

    def failed(self, worker: Worker, error: CandidateError) -> None:
        """Note a call that failed, unless the client's request was at fault; log of many in a short time the first."""
        if isinstance(error, WorkerStatusError) and not error.workers_fault:
            return
        now = time.monotonic()
        worker.unsaid += 1
        if now - worker.said_at >= COMPLAINT_S:
            log.warning("call failed", worker=worker.id, reason=error.message, failures=worker.unsaid)
            worker.said_at, worker.unsaid = now, 0
        if isinstance(error, WorkerStatusError) and error.worker_status == FULL:
            return  # full is not sick
        self._strike(worker, "failures")

    def lost(self, worker: Worker) -> None:
        """Take a worker that can't be reached out of service until the next probe finds it again."""
        if worker.up:
            worker.up, worker.problem = False, "no connection to the worker"
            log.warning("worker down", worker=worker.id, url=worker.url, reason=worker.problem)
            self._reindex()

    def _nobody(self, model: str) -> NoWorkerError | ModelNotFoundError:
        """Return why nobody can serve `model`."""
        if self.knows(model) or not self.ready:
            return NoWorkerError(f"no worker can serve model {model!r} right now; try again", retry_after_s=5)
        names = sorted(self.models())
        listed = ", ".join(repr(name) for name in names[:MAX_NAMES]) + (", ..." if len(names) > MAX_NAMES else "")
        return ModelNotFoundError(f"there is no model {model!r}; available: {listed}", param="model")

    def _last_resort(self, model: str) -> tuple[Worker, ...]:
        """Return the workers that are ejected or on trial, yet answer: better than none at all."""
        return tuple(worker for worker in self.workers if worker.up and not worker.draining and model in worker.models)

    def _on_trial(self, model: str) -> Worker | None:
        """Return a worker whose trial is to begin with this call; it is begun."""
        for worker in self._trials:
            health = worker.health
            if not health.trying and worker.up and not worker.draining and model in worker.models:
                health.trying = True
                return worker
        return None

    def _fell_behind(self, worker: Worker, why: Behind) -> None:
        """Note that a call of a worker is far behind; one that has far more to do than others may be so.

        What is silent is asked at once whether it is still there.
        """
        serving = [one for one in self.workers if one.serves]
        mean = sum(one.load.in_flight for one in serving) / len(serving) if serving else 0.0
        if why is not Behind.SLOW:
            self._suspect(worker)
        if worker.load.in_flight <= 2 * mean + 1:
            self._strike(worker, "slowness")

    def _strike(self, worker: Worker, reason: str) -> None:
        if worker.health.strike(self._rules):
            self._eject(worker, reason)

    def _eject(self, worker: Worker, reason: str) -> None:
        """Take a worker out of service for a while, unless too many are out already."""
        peers = [one for one in self.workers if one.up and one.models.keys() & worker.models.keys()]
        out = sum(one.health.state is not State.IN_SERVICE for one in peers if one is not worker)
        if out + 1 > self._rules.max_ejected * len(peers):
            return
        seconds = worker.health.eject(self._rules, time.monotonic())
        self.ejections[worker.id, reason] += 1
        log.warning("worker ejected", worker=worker.id, reason=reason, for_s=seconds)
        self._reindex()

    def _suspect(self, worker: Worker) -> None:
        """Ask a worker out of turn whether it is still there."""
        if self._group and worker not in self._suspected:
            self._suspected.add(worker)
            self._group.create_task(self._probe(worker, SUSPECT_TIMEOUT_S)).add_done_callback(
                lambda _: self._suspected.discard(worker)
            )

    def _reindex(self) -> None:
        """Put down anew which workers may serve what; after every change of that, so that choosing costs little."""
        serving: dict[str, list[Worker]] = {}
        for worker in self.workers:
            if worker.serves:
                for name in worker.models:
                    serving.setdefault(name, []).append(worker)
        self._serving = {name: tuple(workers) for name, workers in serving.items()}
        self._trials = [worker for worker in self.workers if worker.health.state is State.ON_TRIAL]

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._probe_s if self.ready else min(1.0, self._probe_s))
            await self._probe_all()

    async def _watch_loads(self) -> None:
        while True:
            await asyncio.sleep(max(LOAD_EVERY_S, len(self.workers) / LOADS_A_S))
            async with asyncio.TaskGroup() as group:
                for worker in self.workers:
                    if worker.up and worker.traits.tells_load:
                        group.create_task(self._prober.read_load(worker))

    async def _watch_health(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            now = time.monotonic()
            for worker in self.workers:
                worker.warmth = worker.health.warmth(self._rules, now)
                if worker.health.try_again(now):
                    log.info("worker on trial", worker=worker.id)
                    self._reindex()

    async def _probe_all(self) -> None:
        async with asyncio.TaskGroup() as group:
            for worker in self.workers:
                group.create_task(self._probe(worker))

    async def _probe(self, worker: Worker, timeout_s: float = PROBE_TIMEOUT_S) -> None:
        before = worker.up, worker.models
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
        if before != (worker.up, worker.models):
            self._reindex()
