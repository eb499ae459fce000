"""Aggregator `weighted`: votes weigh as much as their verifier's score, or as the model's own confidence."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, Literal

from msgspec.structs import replace
from pydantic import Field

from app.aggregators.voting import ByVote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.candidates import Candidate, Decision
    from app.tally import Weight


class Weighted(ByVote):
    """The answer with the largest sum of weights (weighted self-consistency; Li et al., arXiv 2206.02336).

    `by` says what a vote weighs: the verifiers' `score`; or, without any verifier, how sure the model was while it
    wrote (DeepConf; Fu et al., arXiv 2508.15260): `mean_confidence` over all tokens, or `lowest_group_confidence`, that
    of its least sure passage. Confidence is read from the log-probabilities of the `alternatives` likeliest tokens,
    which the workers are asked for. A candidate without score or confidence weighs `unscored`; where that is 0 and
    no candidate has any, each has one vote, and `fallback` says so.
    """

    type: Literal["weighted"] = "weighted"

    weighs: ClassVar[bool] = True

    by: Literal["score", "mean_confidence", "lowest_group_confidence"] = Field(
        default="score", description="What a vote weighs: the verifiers' score, or the model's own confidence."
    )
    unscored: float = Field(
        strict=True, default=0.0, ge=0.0, le=1.0, description="Weight of a candidate that has none, 0..1."
    )
    alternatives: int = Field(
        strict=True, default=5, ge=2, le=20, description="Log-probabilities asked for a token, for confidence."
    )

    @property
    def needs_score(self) -> bool:
        """Whether it goes by score."""
        return self.by == "score"

    @property
    def top_logprobs(self) -> int:
        """`alternatives`, where it goes by confidence."""
        return 0 if self.by == "score" else self.alternatives

    @property
    def heaviest(self) -> Weight | None:
        """1 for scores; confidence has no bound."""
        return 1 if self.by == "score" else None

    def weight(self, candidate: Candidate) -> Fraction:
        """Return the candidate's score or confidence, or `unscored`."""
        value = self._value(candidate)
        return Fraction(self.unscored if value is None else value)

    def decide(self, pool: Sequence[Candidate]) -> Decision:
        """Return the weighted vote; the plain one where nothing in the pool has a weight of its own."""
        if self.unscored or any(self._value(candidate) is not None for candidate in pool):
            return super().decide(pool)
        equal = self.model_copy(update={"unscored": 1.0})
        lacking = "score" if self.by == "score" else "confidence (the worker gave no log-probabilities)"
        return replace(equal.decide(pool), fallback=f"no candidate has a {lacking}: each had one vote")

    def _value(self, candidate: Candidate) -> float | None:
        if self.by == "score":
            return candidate.verdict.score if candidate.verdict else None
        if candidate.confidence is None:
            return None
        mean = self.by == "mean_confidence"
        return candidate.confidence.mean if mean else candidate.confidence.lowest_group
