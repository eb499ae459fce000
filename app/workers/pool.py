"""The workers as a whole: which there are, which may serve, and which one takes the next candidates."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import structlog

from app.errors import ModelNotFoundError, NoConnectionLeftError, NoWorkerError, WorkerCutError, WorkerStatusError
from app.workers.balancing.base import Draw
from app.workers.balancing.two_choices import TwoChoices
from app.workers.ejection import Ejector
from app.workers.health import HealthRules, Reason, State
from app.workers.probing import Prober
from app.workers.retries import HEDGE_BURST, HEDGE_SHARE, RETRIES_A_S, RETRY_BURST, RETRY_SHARE, Allowance
from app.workers.roster import Roster
from app.workers.stragglers import Behind, Stragglers
from app.workers.watch import Watch
from app.workers.worker import MAX_NAMES

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Iterable, Mapping, Sequence

    from app.errors import CandidateError, WorkerUnreachableError
    from app.workers.balancing.base import Policy
    from app.workers.client import Client
    from app.workers.discovery.base import Source
    from app.workers.worker import ServedModel, Worker

COMPLAINT_S = 1.0
"""Seconds between two log lines on failed calls of one worker."""

PASSED_OVER_S = 1.0
"""Seconds for which another worker is chosen, where there is one, after a worker has said that it can't serve."""

ANY = Draw()

log = structlog.stdlib.get_logger(__name__)


class Pool:
    """Gives out the workers that may serve, and takes those out of service that fail; `watched` keeps it up to date.

    `roster` says who there is, `suspects` are to be asked out of turn whether they are still there. `retries` and
    `hedges` are what may be asked a second time, because it failed or because its worker is slow. `aliases` are further
    names of models. `no_worker_wait_s` is how many seconds `comeback` waits.
    """

    def __init__(
        self,
        workers: Iterable[Worker],
        client: Client,
        *,
        probe_s: float,
        sources: Sequence[Source] = (),
        policy: Policy | None = None,
        rules: HealthRules | None = None,
        retries: Allowance | None = None,
        hedges: Allowance | None = None,
        aliases: Mapping[str, str] | None = None,
        max_in_flight: int = 256,
        sharers: int = 1,
        no_worker_wait_s: float = 5.0,
    ) -> None:
        self.roster = Roster(workers, max_in_flight=max_in_flight, sharers=sharers)
        self.retries = retries or Allowance(share=RETRY_SHARE, burst=RETRY_BURST, per_s=RETRIES_A_S)
        self.hedges = hedges or Allowance(share=HEDGE_SHARE, burst=HEDGE_BURST)
        self.stragglers = Stragglers(self._fell_behind)
        self.suspects: set[Worker] = set()
        self.ejector = Ejector(self.roster.workers, rules or HealthRules(), self.reindex)
        self._aliases = aliases or {}
        self._no_worker_wait_s = no_worker_wait_s
        self._changed = asyncio.Event()
        self._policy = policy or TwoChoices()
        self._watch = Watch(self, Prober(client), sources, probe_s=probe_s)
        self._serving: dict[str, tuple[Worker, ...]] = {}
        self._capacity: dict[str | None, int] = {}
        self._trials: Sequence[Worker] = ()
        self.reindex()

    @asynccontextmanager
    async def watched(self) -> AsyncGenerator[None]:
        """Ask all workers how they are, then keep an eye on them for as long as the context lasts."""
        async with self._watch.kept():
            yield

    @property
    def workers(self) -> Sequence[Worker]:
        """All workers, up or not."""
        return self.roster.workers

    def resolve(self, name: str) -> str:
        """Return the model that `name` means: an alias's, or itself."""
        return self._aliases.get(name, name)

    def rename(self, aliases: Mapping[str, str]) -> None:
        """Let `aliases` be the further names of models from now on."""
        self._aliases = aliases

    async def probe(self, worker: Worker) -> None:
        """Ask a worker at once how it is."""
        await self._watch.ask(worker)

    @property
    def ready(self) -> bool:
        """Whether at least one worker can serve."""
        return any(worker.open for worker in self.workers)

    def models(self) -> dict[str, ServedModel]:
        """Return what the workers that are up serve, by name."""
        served = {name: model for worker in self.workers if worker.up for name, model in worker.models.items()}
        return {**served, **{alias: served[name] for alias, name in self._aliases.items() if name in served}}

    def knows(self, model: str) -> bool:
        """Whether any worker, up or not, is known to serve `model`."""
        name = self.resolve(model)
        return any(name in worker.models for worker in self.workers)

    def capacity(self, model: str | None = None) -> int:
        """Return how many candidates the workers that serve `model` now may draw at once; None: all workers."""
        return self._capacity.get(model, 0) if model is None or model in self._serving else self._emergency(model)

    def pick(self, model: str, draw: Draw = ANY, *, prefer: Worker | None = None) -> Worker:
        """Return the worker for the next candidates of `model`.

        It is one that is on trial, if there is such a one and nothing is under way there; `prefer`, if that may serve
        and isn't full or far busier than the policy's choice; else the policy's choice. Raises `NoWorkerError` where
        none is up and `ModelNotFoundError` where those that are don't serve the model.
        """
        if tried := self._on_trial(model):
            return tried
        chosen = self._policy.choose(self._serving.get(model) or self._last_resort(model), draw)
        if chosen is None:
            raise self._nobody(model)
        if prefer is None or prefer is chosen or not prefer.serves or model not in prefer.models or not prefer.has_room:
            return chosen
        busier = prefer.load.outstanding > 2 * chosen.load.outstanding + draw.tokens
        return chosen if busier else prefer

    def check(self, model: str) -> None:
        """Make sure that `model` can be served now. Raises what `pick` raises."""
        if not self._serving.get(model) and not self._last_resort(model):
            raise self._nobody(model)

    def another(self, model: str, draw: Draw = ANY, *, avoid: Collection[Worker]) -> Worker | None:
        """Return a worker for `model` but those; None where there is no other."""
        serving = self._serving.get(model, ())
        return self._policy.choose(serving, draw, avoid) or self._policy.choose(self._last_resort(model), draw, avoid)

    async def comeback(self, model: str, draw: Draw = ANY) -> Worker | None:
        """Return a worker for `model` as soon as there is any; None where none comes in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._no_worker_wait_s):
                while (worker := self.another(model, draw, avoid=())) is None:
                    await self._changed.wait()
                return worker
        return None

    async def is_down(self, worker: Worker) -> bool:
        """Whether a worker is down on which a call has just failed: one that is taken to be up is asked."""
        if worker.up:
            await self._watch.ask_now(worker)
        return not worker.up

    def served(self, worker: Worker) -> None:
        """Note a call that went well, and at a usual pace."""
        self.ejector.succeeded(worker)

    def failed(self, worker: Worker, error: CandidateError) -> None:
        """Note a call that failed.

        It counts against the worker unless the request was at fault, or the worker doesn't take it there, being full
        for instance: then it is passed over for a moment. One that doesn't know what it was chosen for, or has hung up,
        is asked at once how it is.
        """
        refusal = error if isinstance(error, WorkerStatusError) else None
        if refusal and not refusal.others_may_serve:
            return
        self._complain(worker, error)
        if isinstance(error, WorkerCutError) or (refusal and refusal.unknown_there):
            self.suspects.add(worker)
        if refusal and refusal.not_there:
            worker.pass_over(PASSED_OVER_S)
        else:
            self.ejector.strike(worker, Reason.FAILURES)

    def lost(self, worker: Worker, error: WorkerUnreachableError) -> None:
        """Take a worker that can't be reached out of service until the next probe finds it again."""
        if isinstance(error, NoConnectionLeftError):
            self._complain(worker, error)
        elif worker.up:
            self.ejector.strike(worker, Reason.FAILURES)
            worker.up, worker.problem = False, error.message
            log.warning("worker down", worker=worker.id, url=worker.url, reason=worker.problem)
            self.reindex()

    def _complain(self, worker: Worker, error: CandidateError) -> None:
        """Log a failed call; of many in a short time the first."""
        now = time.monotonic()
        worker.unsaid += 1
        if now - worker.said_at >= COMPLAINT_S:
            log.warning("call failed", worker=worker.id, reason=error.message, failures=worker.unsaid)
            worker.said_at, worker.unsaid = now, 0

    def _emergency(self, model: str) -> int:
        return sum(worker.limit for worker in self._last_resort(model))

    def _nobody(self, model: str) -> NoWorkerError | ModelNotFoundError:
        """Return why nobody can serve `model`."""
        if self.knows(model) or not self.ready:
            return NoWorkerError(f"no worker can serve model {model!r} right now; try again", retry_after_s=5)
        names = sorted(self.models())
        listed = ", ".join(repr(name) for name in names[:MAX_NAMES]) + (", ..." if len(names) > MAX_NAMES else "")
        return ModelNotFoundError(f"there is no model {model!r}; available: {listed}", param="model")

    def _last_resort(self, model: str) -> tuple[Worker, ...]:
        """Return the workers that are ejected or on trial, yet answer: better than none at all."""
        return tuple(worker for worker in self.workers if worker.open and model in worker.models)

    def _on_trial(self, model: str) -> Worker | None:
        """Return a worker whose trial is to begin with this call; it is begun."""
        for worker in self._trials:
            health = worker.health
            if not health.trying and worker.open and worker.has_room and model in worker.models:
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
            self.suspects.add(worker)
        if worker.load.in_flight <= 2 * mean + 1:
            self.ejector.strike(worker, Reason.SLOWNESS)

    def reindex(self) -> None:
        """Put down anew which workers may serve what; after every change of that, so that choosing costs little.

        Those who wait for a worker look again.
        """
        serving: dict[str, list[Worker]] = {}
        for worker in self.workers:
            if worker.serves:
                for name in worker.models:
                    serving.setdefault(name, []).append(worker)
        self._serving = {name: self._same(name, tuple(workers)) for name, workers in serving.items()}
        self._capacity = {name: sum(worker.limit for worker in workers) for name, workers in serving.items()}
        self._capacity[None] = sum(worker.limit for worker in self.workers if worker.serves)
        self._trials = [worker for worker in self.workers if worker.health.state is State.ON_TRIAL]
        self._changed.set()
        self._changed = asyncio.Event()

    def _same(self, model: str, workers: tuple[Worker, ...]) -> tuple[Worker, ...]:
        """Return the tuple that policies know already, where it holds the same workers."""
        known = self._serving.get(model, ())
        return known if known == workers else workers
