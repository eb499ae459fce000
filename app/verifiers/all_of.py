"""The verifier `all_of`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from app.verifiers.composite import AT_LEAST_ONE, MAX_PARTS, Composite
from app.verifiers.panel import combine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.candidates import Verdict
    from app.verifiers import AnyVerifier
    from app.verifiers.base import Verifier


class AllOf(Composite):
    """Passes a candidate that all of `verifiers` pass, which is how a strategy's own list is taken, too.

    One fail is a fail; else one error is an error, as what it would have said is unknown; else one pass is a pass;
    and only if all abstain is it an abstention. The score is the mean of those there are.
    """

    example: ClassVar[dict[str, object]] = {
        "verifiers": [{"type": "math", "answer": "42"}, {"type": "regex", "pattern": "therefore", "flags": "i"}]
    }

    type: Literal["all_of"] = "all_of"
    verifiers: tuple[AnyVerifier, ...] = Field(
        max_length=MAX_PARTS, json_schema_extra=AT_LEAST_ONE, description="Verifiers that must all pass."
    )

    @property
    def parts(self) -> Sequence[Verifier]:
        """The verifiers."""
        return self.verifiers

    def combined(self, verdicts: Sequence[Verdict]) -> Verdict:
        """Return the verdict of all together."""
        return combine(verdicts)
