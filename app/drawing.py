"""A candidate while it is being drawn, and what it is once that has ended, well or not."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import msgspec

from app.candidates import Candidate, Failure
from app.errors import QuorumError, WorkerStatusError
from app.workers.completion import Completion

if TYPE_CHECKING:
    from app.bodies import Member
    from app.workers.worker import Worker


class Drawing(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a candidate that was asked for; `worker` is None while nobody has begun to draw it."""

    member: Member
    worker: Worker | None = None
    completion: Completion = msgspec.field(default_factory=Completion)
    started: float = msgspec.field(default_factory=perf_counter)

    def candidate(self, error: QuorumError | None = None) -> Candidate:
        """Return the candidate as far as it has got; with `error`, as failed of it."""
        return Candidate(
            index=self.member.index,
            round=self.member.ask.round,
            chain=self.member.ask.chain,
            worker=self.worker.id if self.worker else None,
            reply=self.completion.reply(),
            finish_reason=self.completion.finish_reason,
            usage=self.completion.spent(),
            latency_ms=(perf_counter() - self.started) * 1_000 if self.worker else 0.0,
            logprobs=tuple(bytes(entry) for entry in self.completion.logprobs),
            failure=_failure(error) if error else None,
        )


def _failure(error: QuorumError) -> Failure:
    """Return an error as a value."""
    if isinstance(error, WorkerStatusError):
        return Failure(message=error.message, status=error.worker_status, code=error.worker_code, param=error.param)
    return Failure(message=error.message, status=error.status, code=error.code, param=error.param)
