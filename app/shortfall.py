"""The error for a run that has too few candidates to answer with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.errors import (
    CLIENT_ERRORS,
    AllCandidatesFailedError,
    BudgetTooSmallError,
    DeadlineExceededError,
    NoWorkerError,
    QuorumError,
    WorkerRefusedError,
    WorkerUnreachableError,
)
from app.gathering import BUDGET, DEADLINE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.candidates import Candidate, Failure

SERVERS_OWN = {401, 403, 404}
"""Refusals that tell of the gateway's configuration (its key, the model's name), not of the client's request."""

NOBODY_THERE = {NoWorkerError.code, WorkerUnreachableError.code}

REFUSED = "worker_refused"
MAX_CAUSES = 16


def shortfall(back: Sequence[Candidate], *, wanted: int, stopped_by: str | None) -> QuorumError:
    """Return the error: the deadline's, the budget's, the worker's own 4xx, or a list of what went wrong."""
    failures = [candidate.failure for candidate in back if candidate.failure]
    if stopped_by == DEADLINE:
        return DeadlineExceededError(
            f"{_finished(back)} of at least {wanted} candidates finished in time; raise budget.deadline_s",
            param="strategy.budget.deadline_s",
        )
    if stopped_by == BUDGET and not failures:
        return BudgetTooSmallError(
            f"the budget ran out before {wanted} of the candidates had finished; raise it, or set max_tokens, so that "
            "no more candidates are drawn at once than it has room for",
            param="strategy.budget",
        )
    refused = [failure for failure in failures if failure.status in CLIENT_ERRORS and failure.status not in SERVERS_OWN]
    if failures and len(refused) == len(failures):
        first = refused[0]
        return WorkerRefusedError(
            first.message, status=first.status or 400, code=first.code or REFUSED, param=first.param
        )
    if failures and all(failure.code in NOBODY_THERE for failure in failures):
        return NoWorkerError(failures[0].message, retry_after_s=5)
    causes = "; ".join(_causes(failures))
    return AllCandidatesFailedError(f"{_finished(back)} of at least {wanted} candidates finished: {causes}")


def _finished(back: Sequence[Candidate]) -> int:
    return sum(candidate.finished for candidate in back)


def _causes(failures: Sequence[Failure]) -> list[str]:
    """Return each different cause with how often it occurred."""
    counts: dict[str, int] = {}
    for failure in failures:
        counts[failure.message] = counts.get(failure.message, 0) + 1
    return [f"{times} x {message}" for message, times in counts.items()][:MAX_CAUSES]
