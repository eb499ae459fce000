"""What verifiers that are made of others share: they ask them side by side, and make one verdict of theirs.

A composite is one file, as any verifier is: it has a field for its parts, annotated `AnyVerifier`, and says in `parts`
which they are and in `combined` what their verdicts come to. `AnyVerifier` is the union of all verifiers, the composite
among them, so it exists only once all are read: the package fills it in.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, Self

from msgspec.structs import replace
from pydantic import JsonValue, model_validator

from app.errors import QuorumError
from app.verifiers.base import Verifier, every
from app.verifiers.panel import joined, verdicts_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.candidates import Candidate, Verdict
    from app.inquiry import Expense
    from app.verifiers.base import VerifierTools
    from app.verifiers.panel import Status

MAX_PARTS = 8
"""The verifiers that one may be made of."""

AT_LEAST_ONE: dict[str, JsonValue] = {"minItems": 1}
"""What the schema of such a field says. As a bound of the field it would be told beside any mistake in a part."""

MAX_DEPTH = 4
"""Levels of composites in one another."""

MAX_ALL_PARTS = 32
"""The verifiers inside one, at every depth."""

LEEWAY_S = 0.02
"""Seconds that its parts end before a composite must have, so that what they have said by then still counts."""


class Composite(Verifier):
    """A verifier made of others."""

    path: ClassVar[str] = "verifiers.{}"
    """Where in a spec the part of a number stands."""

    @property
    def passes(self) -> bool:
        """Whether one of its parts may pass a candidate."""
        return any(part.passes for part in self.parts)

    @abstractmethod
    def combined(self, verdicts: Sequence[Verdict]) -> Verdict:
        """Return what the verdicts of `parts`, in their order, come to."""

    async def verify(self, candidate: Candidate, tools: VerifierTools) -> Verdict:
        """Return what the verdicts of all parts come to; one that breaks gives an `error` among them."""
        inner = replace(tools, until=tools.until - LEEWAY_S)
        return self.combined(await verdicts_of(self.parts, candidate, inner))

    async def check(self, tools: VerifierTools) -> None:
        """Check every part; what one misses is told with its path."""
        for place, part in enumerate(self.parts):
            try:
                await part.check(tools)
            except QuorumError as error:
                here = self.path.format(place)
                error.param = f"{here}.{error.param}" if error.param else here
                raise

    def expenses(self, prompt_tokens: int, candidate_tokens: int) -> Sequence[Expense]:
        """Return what all parts spend."""
        return [expense for part in self.parts for expense in part.expenses(prompt_tokens, candidate_tokens)]

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if not self.parts:
            raise ValueError("this needs at least one verifier to be made of")
        if _depth(self) > MAX_DEPTH:
            raise ValueError(f"verifiers stand in one another at most {MAX_DEPTH} deep")
        if (count := sum(1 for _ in every(self.parts))) > MAX_ALL_PARTS:
            raise ValueError(f"a verifier is made of at most {MAX_ALL_PARTS} others at all depths; here {count}")
        return self


def summed_up(verdicts: Sequence[Verdict], *, status: Status, score: float | None, told: bool) -> Verdict:
    """Return the verdict of `status` that `verdicts` come to, of which a model may be told or not."""
    return replace(joined(verdicts, status=status, score=score), told=told)


def _depth(verifier: Verifier) -> int:
    """Return how many composites stand in one another, this one included."""
    return 1 + max(map(_depth, verifier.parts)) if verifier.parts else 0
