"""Aggregator `best_of`: the candidate with the highest score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace

from app.aggregators.base import by_index
from app.aggregators.voting import Voting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.candidates import Candidate, Decision
    from app.tally import Tally

PERFECT = 1.0


class BestOf(Voting):
    """Best-of-N by the verifiers' score (Cobbe et al., arXiv 2110.14168); ties go to the candidate asked for first.

    Candidates without a score come last. `tied` is reported where another answer has the winner's score. Where no
    candidate has a score, the vote decides, and `fallback` says so.
    """

    type: Literal["best_of"] = "best_of"

    @property
    def needs_score(self) -> bool:
        """It is."""
        return True

    def decide(self, pool: Sequence[Candidate]) -> Decision:
        """Return the decision by score, or by the vote where there is none."""
        decision = super().decide(pool)
        return (
            decision if _is_scored(pool) else replace(decision, fallback="no candidate has a score: the vote decided")
        )

    def order(self, pool: Sequence[Candidate], tally: Tally) -> tuple[list[Candidate], bool]:
        """Return the pool by score, then by index; by votes where nothing has a score."""
        if not _is_scored(pool):
            return super().order(pool, tally)
        ranking = sorted(by_index(pool), key=lambda candidate: -_score(candidate))
        best = ranking[0]
        rivals = (c for c in ranking[1:] if _score(c) == _score(best))
        return ranking, any(c.cluster is None or c.cluster != best.cluster for c in rivals)

    def settled(self, pool: Sequence[Candidate], tally: Tally, waiting: Sequence[int]) -> bool:  # noqa: ARG002
        """Whether a perfect score stands before everything that is still to come."""
        return not waiting or any(_score(c) == PERFECT and c.index < min(waiting) for c in pool)


def _is_scored(pool: Sequence[Candidate]) -> bool:
    return any(candidate.verdict and candidate.verdict.score is not None for candidate in pool)


def _score(candidate: Candidate) -> float:
    """Return the candidate's score; -1 where it has none."""
    score = candidate.verdict.score if candidate.verdict else None
    return -1.0 if score is None else score
