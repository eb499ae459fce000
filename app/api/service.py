"""What the routes share: a request taken in, run, counted and kept."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from app.api import render
from app.errors import QuorumError

if TYPE_CHECKING:
    from fastapi import Request

    from app.api.auth import Gatekeeper
    from app.api.intake import Desk, Intake
    from app.engine import Engine
    from app.events import Observer
    from app.job import Job
    from app.outcome import Outcome
    from app.store.base import RunStore
    from app.telemetry.metrics import Metrics
    from app.workers.pool import Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The parts of one server."""

    desk: Desk
    engine: Engine
    gatekeeper: Gatekeeper
    metrics: Metrics
    pool: Pool
    runs: RunStore

    async def take(self, request: Request) -> Intake:
        """Let a request in and read it, or count it as refused. Raises the 4xx errors of `app.errors`."""
        try:
            await self.gatekeeper(request)
            return await self.desk.take(request)
        except QuorumError as error:
            self.metrics.failed(model=None, strategy=None, outcome=error.code or "refused")
            raise

    async def execute(self, job: Job, observer: Observer) -> tuple[Outcome, bytes]:
        """Run a job, count it and keep its record; return the outcome, and the record: the completion's JSON.

        Raises what `Engine.execute` does.
        """
        try:
            outcome = await self.engine.execute(job, observer)
        except QuorumError as error:
            self.metrics.failed(model=job.model, strategy=job.strategy.name, outcome=error.code or "worker_refused")
            raise
        except asyncio.CancelledError:
            self.metrics.failed(model=job.model, strategy=job.strategy.name, outcome="client_gone")
            raise
        self.metrics.answered(outcome)
        record = msgspec.json.encode(render.completion(outcome))
        await self.runs.put(job.run_id, record)
        return outcome, record
