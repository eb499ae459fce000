"""The verifier `weighted`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from msgspec.structs import replace
from pydantic import Field

from app.parts import Part
from app.verifiers.composite import AT_LEAST_ONE, MAX_PARTS, Composite, summed_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.candidates import Verdict
    from app.verifiers import AnyVerifier  # noqa: TC004 - it exists once this module has been read
    from app.verifiers.base import Verifier
    from app.verifiers.panel import Status

ROUNDING = 1e-9
"""By how much a mean of floats may miss `pass_at` and still reach it."""


NOT_ENOUGH = "This was judged to be not good enough."
"""The feedback of a fail for which no single verifier is to blame."""


class Share(Part):
    """One verifier, and how much its score weighs."""

    verifier: AnyVerifier = Field(description="The verifier.")
    weight: float = Field(
        strict=True, default=1.0, gt=0.0, le=1_000_000.0, description="What its score weighs against the others'."
    )


class WeightedVerifier(Composite):
    """Scores a candidate by the weighted mean of what `verifiers` say, and passes it from `pass_at` on.

    Those that give no score are left out, and the others' weights are all there is; without any score it abstains. One
    error is an error, as what it would have said is unknown. Without `pass_at` it only scores, and abstains from more.
    """

    path: ClassVar[str] = "verifiers.{}.verifier"
    example: ClassVar[dict[str, object]] = {
        "verifiers": [
            {"verifier": {"type": "math", "answer": "42"}, "weight": 3.0},
            {"verifier": {"type": "regex", "pattern": "therefore", "flags": "i"}, "weight": 1.0},
        ],
        "pass_at": 0.5,
    }

    type: Literal["weighted"] = "weighted"
    verifiers: tuple[Share, ...] = Field(
        max_length=MAX_PARTS, json_schema_extra=AT_LEAST_ONE, description="The verifiers, each with its weight."
    )
    pass_at: float | None = Field(
        strict=True, default=0.5, ge=0.0, le=1.0, description="Mean score that passes, 0..1; null only scores."
    )

    @property
    def parts(self) -> Sequence[Verifier]:
        """The verifiers, without their weights."""
        return tuple(share.verifier for share in self.verifiers)

    @property
    def passes(self) -> bool:
        """Whether there is a mean score that passes."""
        return self.pass_at is not None

    def combined(self, verdicts: Sequence[Verdict]) -> Verdict:
        """Return the verdict on the mean; it says something of every one, so a model is told if it may be of all."""
        score = self._mean(verdicts)
        status: Status = "error" if any(one.status == "error" for one in verdicts) else self._status(score)
        verdict = summed_up(verdicts, status=status, score=score, told=all(one.told for one in verdicts))
        return replace(verdict, feedback=verdict.feedback or NOT_ENOUGH) if status == "fail" else verdict

    def _mean(self, verdicts: Sequence[Verdict]) -> float | None:
        """Return the weighted mean of the scores there are, in 0..1; None where there is none."""
        scored = [
            (share.weight, verdict.score)
            for share, verdict in zip(self.verifiers, verdicts, strict=True)
            if verdict.score is not None
        ]
        total = sum(weight for weight, _ in scored)
        return min(1.0, sum(weight * score for weight, score in scored) / total) if scored else None

    def _status(self, score: float | None) -> Status:
        if score is None or self.pass_at is None:
            return "abstain"
        return "pass" if score >= self.pass_at - ROUNDING else "fail"
