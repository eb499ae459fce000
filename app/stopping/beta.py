"""Stop rule `beta`: stop when the leader is likely to be the majority's answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from app.stopping.base import StopRule
from app.stopping.incomplete_beta import below_half
from app.stopping.small_space import votes_needed
from app.stopping.terms import Misfit

if TYPE_CHECKING:
    from app.stopping.base import Progress
    from app.stopping.terms import Terms
    from app.tally import Weight

ROUNDING = 1e-11
"""How far the incomplete beta function may be off, so that two votes do reach 0.875."""


class Beta(StopRule):
    """Ends a run when the leader beats the runner-up with a posterior probability of at least `confidence`.

    Adaptive-Consistency's Beta rule (arXiv 2305.11860): with votes a >= b for the top two, and every share of the
    leader's among those two equally likely beforehand, P(Bin(a + b + 1, 1/2) <= a) = 1 - I(1/2; a + 1, b + 1). Votes
    may weigh less than 1. Assumes independent samples, and looks after each, so `confidence` is no bound on the error
    of stopping: `certified` gives one. A confidence of 0.75 or less ends with the first vote; of answers with few
    values, never before the third.
    """

    type: Literal["beta"] = "beta"
    confidence: float = Field(
        strict=True, default=0.95, gt=0.5, lt=1.0, description="Probability that the leader is ahead, in (0.5, 1)."
    )

    def satisfied(self, progress: Progress) -> bool:
        """Whether the leader is ahead with that confidence."""
        lead, second = progress.tally.lead, progress.tally.second
        enough = lead > 0 and lead >= votes_needed(0, few_values=progress.few_values)
        return enough and self._reached(lead, second)

    def misfit(self, terms: Terms) -> Misfit | None:
        """Return why the confidence can't be reached."""
        if misfit := terms.without_bound(self.name):
            return misfit
        fewest = votes_needed(0, few_values=terms.few_values)
        if terms.alike < fewest:
            return Misfit(
                message=f"of answers with few values {fewest} must agree, and no more than {terms.alike} can be "
                "accepted and agree: let more be drawn and accepted"
            )
        if self._reached(terms.alike, 0):
            return None
        return Misfit(
            path=("confidence",),
            message=f"`confidence` {self.confidence} can't be reached: no more than {terms.alike} can be accepted and "
            f"agree, which gives {confidence_of(terms.alike, 0):.6g}; lower it, or let more be drawn and accepted",
        )

    def _reached(self, lead: Weight, second: Weight) -> bool:
        return confidence_of(lead, second) >= self.confidence - ROUNDING


def confidence_of(lead: Weight, second: Weight) -> float:
    """Return the posterior probability that the leader, with that weight of votes, beats the runner-up."""
    return below_half(float(second) + 1.0, float(lead) + 1.0)
