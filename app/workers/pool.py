"""The workers as a whole: which are up, what they serve, and which one takes the next candidates."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

import msgspec
import structlog

from app.errors import CandidateError, ModelNotFoundError, NoWorkerError, WorkerStalledError, WorkerStatusError
from app.workers.worker import ModelList, Props, Worker

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Sequence

    from app.workers.client import Client
    from app.workers.worker import ServedModel

T = TypeVar("T")

PROBE_TIMEOUT_S = 5.0
MAX_NAMES = 20
COMPLAINT_S = 1.0
"""Seconds between two log lines on failed calls of one worker."""

log = structlog.stdlib.get_logger(__name__)


class Pool:
    """Keeps `workers` known: asks each what it serves at the start and every `probe_s` seconds."""

    def __init__(self, workers: Iterable[Worker], client: Client, *, probe_s: float) -> None:
        self.workers: Sequence[Worker] = list(workers)
        self._client = client
        self._probe_s = probe_s

    @asynccontextmanager
    async def watched(self) -> AsyncGenerator[None]:
        """Probe all workers once, then keep probing them for as long as the context lasts."""
        await self._probe_all()
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(self._watch())
            try:
                yield
            finally:
                watch.cancel()

    @property
    def ready(self) -> bool:
        """Whether at least one worker can serve."""
        return any(worker.up for worker in self.workers)

    def models(self) -> dict[str, ServedModel]:
        """Return what the workers that are up serve, by name."""
        return {name: model for worker in self.workers if worker.up for name, model in worker.models.items()}

    def knows(self, model: str) -> bool:
        """Whether any worker, up or not, is known to serve `model`."""
        return any(model in worker.models for worker in self.workers)

    def capacity(self, model: str | None = None) -> int:
        """Return how many candidates the workers that serve `model` now may draw at once; None: all workers."""
        return sum(worker.limit for worker in self.workers if worker.up and (model is None or model in worker.models))

    def pick(self, model: str) -> Worker:
        """Return the worker for the next candidates of `model`: of those that serve it, the least busy.

        Raises `NoWorkerError` where none is up and `ModelNotFoundError` where those that are don't serve the model.
        """
        serving = [worker for worker in self.workers if worker.up and model in worker.models]
        if serving:
            return min(serving, key=lambda worker: worker.in_flight)
        if self.knows(model) or not self.ready:
            raise NoWorkerError(f"no worker can serve model {model!r} right now; try again", retry_after_s=5)
        names = sorted(self.models())
        listed = ", ".join(repr(name) for name in names[:MAX_NAMES]) + (", ..." if len(names) > MAX_NAMES else "")
        raise ModelNotFoundError(f"there is no model {model!r}; available: {listed}", param="model")

    def another(self, model: str, *, than: Worker) -> Worker | None:
        """Return the least busy worker for `model` but that one; None where there is no other."""
        others = [worker for worker in self.workers if worker.up and model in worker.models and worker is not than]
        return min(others, key=lambda worker: worker.in_flight, default=None)

    def failed(self, worker: Worker, error: CandidateError) -> None:
        """Log a call that failed, unless the client's request was at fault; of many in a short time the first."""
        if isinstance(error, WorkerStatusError) and not error.workers_fault:
            return
        now = time.monotonic()
        worker.unsaid += 1
        if now - worker.said_at >= COMPLAINT_S:
            log.warning("call failed", worker=worker.id, reason=error.message, failures=worker.unsaid)
            worker.said_at, worker.unsaid = now, 0

    def lost(self, worker: Worker) -> None:
        """Take a worker that can't be reached out of service until the next probe finds it again."""
        if worker.up:
            worker.up, worker.problem = False, "no connection to the worker"
            log.warning("worker down", worker=worker.id, url=worker.url, reason=worker.problem)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._probe_s if self.ready else min(1.0, self._probe_s))
            await self._probe_all()

    async def _probe_all(self) -> None:
        async with asyncio.TaskGroup() as group:
            for worker in self.workers:
                group.create_task(self._probe(worker))

    async def _probe(self, worker: Worker) -> None:
        problem = await self._problem(worker)
        worker.up = problem is None
        if problem != worker.problem:
            if problem:
                log.warning("worker down", worker=worker.id, url=worker.url, reason=problem)
            else:
                log.info("worker up", worker=worker.id, engine=worker.traits.name, models=sorted(worker.models))
        worker.problem = problem

    async def _problem(self, worker: Worker) -> str | None:
        """Ask a worker what it serves; return why it can't be used, or None."""
        try:
            worker.learn(await self._ask(worker, "/v1/models", ModelList))
            if worker.traits.batches:
                worker.slots = await self._slots(worker)
        except WorkerStalledError:
            # A server with all hands full may keep a probe waiting: whoever is generating for us is alive.
            return None if worker.up and worker.in_flight else f"it didn't answer within {PROBE_TIMEOUT_S:g} s"
        except CandidateError as error:
            return error.message
        except (msgspec.DecodeError, UnicodeDecodeError):
            return "what it says of its models is not OpenAI's; is this the address of a model server?"
        return None if worker.models else "it serves no model"

    async def _slots(self, worker: Worker) -> int:
        """Return how many candidates one request may draw; 1 where the worker keeps that to itself."""
        try:
            return (await self._ask(worker, "/props", Props)).total_slots
        except WorkerStatusError:
            return 1

    async def _ask(self, worker: Worker, path: str, kind: type[T]) -> T:
        """GET a JSON document of the worker's."""
        return msgspec.json.decode(await self._client.fetch(worker.url + path, timeout_s=PROBE_TIMEOUT_S), type=kind)
