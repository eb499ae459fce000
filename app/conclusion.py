"""The end of a run: the decision, every candidate's fate, and the account."""

from __future__ import annotations

import time
from collections import Counter
from time import perf_counter
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from app.candidates import Fate
from app.ledger import account
from app.outcome import Outcome, Timing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.board import Board
    from app.candidates import Candidate, Decision
    from app.diversity.measure import Diversity
    from app.job import Job
    from app.price import Price
    from app.run import Run
    from app.side_calls import SideCalls


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """A run that is over: what came back, what was cut off, why it ended, and for how many seconds it had waited."""

    run: Run
    side_calls: SideCalls
    board: Board
    cancelled: Sequence[Candidate]
    stopped_by: str | None
    queued_s: float


def conclude(job: Job, ended: Ended, decision: Decision, diversity: Diversity, prices: Mapping[str, Price]) -> Outcome:
    """Return the outcome of a run that came to `decision`."""
    chosen = {candidate.index for candidate in decision.ranking[: job.answers]}
    written = [decision.synthesized] if decision.synthesized else []
    candidates = [replace(c, fate=_fate(c, chosen)) for c in (*ended.board.back, *written)]
    candidates += [replace(c, fate=Fate.FAILED if c.failure else Fate.CANCELLED) for c in ended.cancelled]
    candidates.sort(key=lambda candidate: candidate.index)
    cost = account(
        candidates,
        model=job.model,
        prices=prices,
        undrawn=ended.board.undrawn if ended.stopped_by else 0,
        calls=ended.run.pursuit.calls + ended.side_calls.calls,
        busy_s=ended.run.busy.seconds,
        side_calls=ended.side_calls.made,
        wasted=ended.run.wasted,
    )
    return Outcome(
        job=job,
        created=int(time.time()),
        candidates=candidates,
        decision=decision,
        accepted=_accepted(decision),
        fallback=_fallback(ended.board, decision),
        stopped_by=ended.stopped_by,
        stop_failure=ended.board.stop_failure,
        broken_rules=ended.board.broken_rules,
        diversity=diversity,
        cost=cost,
        timing=_timing(job, ended),
    )


def _fallback(board: Board, decision: Decision) -> str | None:
    """Return why something simpler decided than what was asked for; None where nothing did."""
    accepted = board.accepted or decision.winner.accepted
    reasons = (None if accepted else _nothing_accepted(board.finished), decision.fallback)
    return "; ".join(reason for reason in reasons if reason) or None


def _nothing_accepted(finished: Sequence[Candidate]) -> str:
    """Return that no candidate was accepted, with how often each reason was given."""
    counts = Counter(candidate.rejection or "not accepted" for candidate in finished)
    listed = ", ".join(f"{times} x {reason}" for reason, times in counts.most_common())
    return f"no candidate was accepted ({listed}); chosen among all that finished"


def _fate(candidate: Candidate, chosen: set[int]) -> Fate:
    if candidate.failure is not None:
        return Fate.FAILED
    if candidate.index in chosen:
        return Fate.SELECTED
    return Fate.COUNTED if candidate.accepted else Fate.REJECTED


def _accepted(decision: Decision) -> bool:
    """Whether nothing speaks against the winner: neither a rejection nor a verdict."""
    verdict = decision.winner.verdict
    return decision.winner.accepted and (verdict is None or verdict.status not in {"fail", "error"})


def _timing(job: Job, ended: Ended) -> Timing:
    total_s = perf_counter() - job.arrived
    first_back = ended.run.first_back
    return Timing(
        total_ms=total_s * 1_000,
        queue_ms=ended.queued_s * 1_000,
        first_candidate_ms=None if first_back is None else (first_back - job.arrived) * 1_000,
        gateway_ms=(total_s - ended.queued_s - ended.side_calls.upstream.seconds) * 1_000,
    )
