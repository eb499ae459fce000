"""Aggregator `weighted`: votes weigh as much as their verifier's score."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from app.aggregators.voting import Voting

if TYPE_CHECKING:
    from app.candidates import Candidate


class Weighted(Voting):
    """The answer with the largest sum of verifier scores (weighted self-consistency; Li et al., arXiv 2206.02336).

    A candidate that no verifier scored weighs `unscored`.
    """

    type: Literal["weighted"] = "weighted"
    unscored: float = Field(
        strict=True, default=0.0, ge=0.0, le=1.0, description="Weight of a candidate without a score, 0..1."
    )

    needs_score: ClassVar[bool] = True

    def weight(self, candidate: Candidate) -> Fraction:
        """Return the candidate's score, or `unscored`."""
        score = candidate.verdict.score if candidate.verdict else None
        return Fraction(self.unscored if score is None else score)
