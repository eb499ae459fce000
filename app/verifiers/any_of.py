"""The verifier `any_of`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from app.verifiers.composite import AT_LEAST_ONE, MAX_PARTS, Composite, summed_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.candidates import Verdict
    from app.verifiers import AnyVerifier
    from app.verifiers.base import Verifier
    from app.verifiers.panel import Status

ORDER: tuple[Status, ...] = ("pass", "error", "fail", "abstain")


class AnyOf(Composite):
    """Passes a candidate that one of `verifiers` passes.

    One pass is a pass; else one error is an error, as it might have been one; else one fail is a fail; and only if
    all abstain is it an abstention. The score is the best there is. The feedback of a fail is that of all that failed.
    """

    example: ClassVar[dict[str, object]] = {
        "verifiers": [{"type": "math", "answer": "1/2"}, {"type": "exact", "answer": "one half"}]
    }

    type: Literal["any_of"] = "any_of"
    verifiers: tuple[AnyVerifier, ...] = Field(
        max_length=MAX_PARTS, json_schema_extra=AT_LEAST_ONE, description="Verifiers of which one must pass."
    )

    @property
    def parts(self) -> Sequence[Verifier]:
        """The verifiers."""
        return self.verifiers

    def combined(self, verdicts: Sequence[Verdict]) -> Verdict:
        """Return the verdict of the one that passes, or else of all.

        A model may be told of a pass if it may of one that passed; anything else says something of every one.
        """
        found = {verdict.status for verdict in verdicts}
        status: Status = next(status for status in ORDER if status in found)
        told = [verdict.told for verdict in verdicts if status != "pass" or verdict.status == "pass"]
        return summed_up(
            verdicts,
            status=status,
            score=max((verdict.score for verdict in verdicts if verdict.score is not None), default=None),
            told=any(told) if status == "pass" else all(told),
        )
