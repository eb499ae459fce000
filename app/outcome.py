"""The frozen record of a run: what the response is rendered from, what the metrics count, what `/v1/runs` returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.candidates import Candidate, Decision
    from app.diversity.measure import Diversity
    from app.job import Job
    from app.ledger import Cost


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds: of the whole run, in the queue, until the first candidate came back, and the gateway's own.

    The gateway's own time is that outside the queue during which no call of a model was under way, nor a worker for one
    waited for: Quorum itself was, or what verifiers wait for besides models (programs in the sandbox, webhooks).
    """

    total_ms: float
    queue_ms: float
    first_candidate_ms: float | None
    gateway_ms: float


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """A run that came to an answer.

    `stopped_by` names what ended the run before all candidates were drawn: a stop rule, `budget` or `deadline`;
    None where nothing did. `accepted` is false where the winner was rejected or failed by a verifier; where no
    candidate at all was accepted and the aggregator chose among the others, `fallback` says so. `stop_failure` says
    what went wrong in stop rules, of the types `broken_rules`, which then stopped nothing any more.
    """

    job: Job
    created: int
    candidates: Sequence[Candidate]
    decision: Decision
    accepted: bool
    fallback: str | None
    stopped_by: str | None
    diversity: Diversity
    cost: Cost
    timing: Timing
    stop_failure: str | None = None
    broken_rules: Sequence[str] = ()

    @property
    def answers(self) -> Sequence[Candidate]:
        """The candidates to return, best first, as many as were asked for and are there."""
        return self.decision.ranking[: self.job.answers]
