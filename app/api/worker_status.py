"""A worker as operators see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import msgspec

from app.workers.health import State

if TYPE_CHECKING:
    from app.workers.roster import Roster
    from app.workers.worker import Worker


class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker says of its own load, over all who use it."""

    running: int
    waiting: int
    kv_usage: float


class WorkerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to say of a worker; `reported` is None where its engine says nothing of its load.

    `limit`, `in_flight` and `outstanding_tokens` are of one process, or the sums of several.
    """

    object: str = "worker"
    name: str
    url: str
    sources: list[str]
    labels: dict[str, str]
    limit: int
    engine: str
    models: list[str]
    state: str
    problem: str | None
    in_flight: int
    outstanding_tokens: int
    reported: Reported | None

    @classmethod
    def of(cls, worker: Worker, roster: Roster) -> Self:
        """Return what this process has to say of a worker."""
        load = worker.load
        reported = Reported(running=load.running, waiting=load.waiting, kv_usage=load.kv_usage)
        return cls(
            name=worker.id,
            url=worker.url,
            sources=roster.sources(worker),
            labels=dict(worker.labels),
            limit=worker.limit,
            engine=worker.traits.name,
            models=sorted(worker.models),
            state=state_of(worker),
            problem=worker.problem,
            in_flight=load.in_flight,
            outstanding_tokens=load.outstanding,
            reported=reported if worker.traits.tells_load else None,
        )

    def plus(self, other: Self) -> Self:
        """Return the same with what another process has there added."""
        return msgspec.structs.replace(
            self,
            limit=self.limit + other.limit,
            in_flight=self.in_flight + other.in_flight,
            outstanding_tokens=self.outstanding_tokens + other.outstanding_tokens,
        )


def state_of(worker: Worker) -> str:
    """Return where a worker stands, in one word; what keeps it from serving for good comes first."""
    if worker.dismissed:
        return "leaving"
    if worker.draining:
        return "draining"
    if not worker.up:
        return "down"
    return "up" if worker.health.state is State.IN_SERVICE else worker.health.state.value
