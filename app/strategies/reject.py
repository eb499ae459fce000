"""Strategy `reject`: keep drawing until a candidate is accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.aggregators import AnyAggregator
from app.aggregators.first_accepted import FirstAccepted
from app.candidates import Ask
from app.stopping import AnyStopRule
from app.stopping.none import NeverStop
from app.strategies.base import MAX_DRAWS, Strategy, count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.candidates import Candidate
    from app.strategies.history import History


class SimilarityAbove(BaseModel):
    """Reject what is too much like an earlier candidate: by the highest cosine of their embeddings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    similarity_above: float = Field(strict=True, gt=0.0, lt=1.0)


class Reject(Strategy):
    """One sample at a time, at most `max_attempts`, until `accept` of them are accepted (arXiv 2604.05868).

    `reject_if`: `failed` (the verifiers say fail, or break, or no answer is found), `duplicate_answer` (an earlier
    candidate gave an equivalent answer), `{"similarity_above": x}` (the text is nearer than x to an earlier one).
    With `explore`, a retry sees the earlier candidates and is told to do something else; without, it draws blindly.
    The accepted candidates go to the aggregator; where there is none, all that were drawn, and the response says
    `accepted: false`.
    """

    example: ClassVar[dict[str, object]] = {"max_attempts": 4, "verifiers": [{"type": "math", "answer": "12"}]}

    type: Literal["reject"] = "reject"
    max_attempts: int = Field(strict=True, ge=1, le=MAX_DRAWS, description="The most samples to draw.")
    accept: int = Field(
        strict=True, default=1, ge=1, le=MAX_DRAWS, description="How many accepted candidates are enough."
    )
    reject_if: tuple[Literal["failed", "duplicate_answer"] | SimilarityAbove, ...] = Field(
        default=("failed",), min_length=1, max_length=8
    )
    explore: bool = Field(strict=True, default=True, description="Whether a retry is told what to avoid.")
    aggregator: AnyAggregator = FirstAccepted()
    stop: AnyStopRule = NeverStop()

    @model_validator(mode="after")
    def _can_accept_enough(self) -> Self:
        if self.accept > self.max_attempts:
            raise ValueError(f"accept ({self.accept}) is more than max_attempts ({self.max_attempts})")
        return self

    @property
    def draws(self) -> int:
        """`max_attempts`."""
        return self.max_attempts

    @property
    def voters(self) -> int:
        """`accept`, or as many as `min_candidates` makes it draw."""
        return min(max(self.accept, self.min_candidates), self.max_attempts)

    @property
    def alike(self) -> int:
        """1 where duplicate answers are rejected."""
        return 1 if "duplicate_answer" in self.reject_if else self.voters

    @property
    def width(self) -> int:
        """One at a time."""
        return 1

    def next(self, history: History) -> Sequence[Ask]:
        """Ask once more unless enough are accepted, and `min_candidates` finished, or all attempts are spent."""
        seen = history.finished
        enough = sum(one.accepted for one in seen) >= self.accept and len(seen) >= self.min_candidates
        if history.waiting or enough or len(history.asked) >= self.max_attempts:
            return []
        return [Ask(round=len(history.asked), shown=seen if self.explore else (), previous=seen, avoid=True)]

    def rejects(self, candidate: Candidate, earlier: Sequence[Candidate]) -> str | None:
        """Return the first of `reject_if` that applies."""
        for rule in self.reject_if:
            reason = self._failed(candidate) if rule == "failed" else self._repeats(rule, candidate, earlier)
            if reason:
                return reason
        return None

    def _failed(self, candidate: Candidate) -> str | None:
        return super().rejects(candidate, ())

    def _repeats(
        self,
        rule: Literal["failed", "duplicate_answer"] | SimilarityAbove,
        candidate: Candidate,
        earlier: Sequence[Candidate],
    ) -> str | None:
        if isinstance(rule, SimilarityAbove):
            similarity = candidate.similarity_to_previous
            return "too similar to an earlier one" if similarity and similarity > rule.similarity_above else None
        duplicate = candidate.cluster is not None and any(other.cluster == candidate.cluster for other in earlier)
        return "duplicate answer" if duplicate else None

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read `reject-N`."""
        attempts = count(text, "reject")
        return None if attempts is None else cls(max_attempts=attempts)
