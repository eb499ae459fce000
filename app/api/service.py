"""What the routes share: a request taken in, run, counted and kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from app.api import render
from app.api.failures import failure_of
from app.errors import StoppingError, WorkerRefusedError

if TYPE_CHECKING:
    from fastapi import Request

    from app.api.auth import AdminGate, Gatekeeper
    from app.api.intake import Desk, Intake
    from app.api.roll_call import RollCall
    from app.engine import Engine
    from app.events import Observer
    from app.job import Job
    from app.outcome import Outcome
    from app.reload import Reload
    from app.store.base import RunStore
    from app.telemetry.metrics import Metrics
    from app.telemetry.together import Together
    from app.workers.pool import Pool
    from app.workers.steward import Steward


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The parts of one server.

    `catalogue` is the JSON of what `GET /v1/strategies` lists, `together` the metrics of all of the server's processes
    where it has several.
    """

    admin_gate: AdminGate
    catalogue: bytes
    desk: Desk
    engine: Engine
    gatekeeper: Gatekeeper
    metrics: Metrics
    pool: Pool
    reload: Reload
    roll_call: RollCall
    runs: RunStore
    steward: Steward
    together: Together | None = None

    @property
    def stopping(self) -> bool:
        """Whether the server is ending."""
        return self.engine.admission.closed

    async def admit(self, request: Request) -> int:
        """Let a client's request in; return its account. Raises `InvalidKeyError`, `StoppingError`."""
        if self.stopping:
            raise StoppingError
        return await self.gatekeeper(request)

    async def take(self, request: Request) -> Intake:
        """Let a request in and read it. Raises the 4xx errors of `app.errors`, and `StoppingError`."""
        account = await self.admit(request)
        return await self.desk.take(request, account)

    async def execute(self, job: Job, observer: Observer) -> tuple[Outcome, bytes]:
        """Run a job, count it and keep its record; return the outcome, and the record: the completion's JSON.

        Raises what `Engine.execute` does.
        """
        outcome = await self.engine.execute(job, observer)
        record = msgspec.json.encode(render.completion(outcome))
        await self.runs.put(job.run_id, record)
        self.metrics.answered(outcome)
        return outcome, record

    async def expose(self) -> bytes:
        """Return the server's metrics in Prometheus' text format."""
        return self.metrics.expose() if self.together is None else await self.together.expose()

    def stop(self) -> None:
        """Turn away what waits for its turn, and what is new: the server is ending. What runs goes on."""
        self.engine.admission.close()

    def count_failure(self, error: BaseException, job: Job | None = None) -> None:
        """Count a failure under the job's labels; a name that is no worker's model is not one of them."""
        self.metrics.failed(
            model=job.model if job and self.pool.knows(job.model) else None,
            strategy=job.strategy.name if job else None,
            outcome=outcome_of(error),
        )


def service_of(request: Request) -> Service:
    """Return the parts of the server that `request` came to."""
    return request.app.state.service


def outcome_of(error: BaseException) -> str:
    """Return what a request that ended in `error` is counted as: always one of our own words, never a worker's."""
    if isinstance(error, WorkerRefusedError):
        return "worker_refused"
    return failure_of(error).code or "internal_error"
