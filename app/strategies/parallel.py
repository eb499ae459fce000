"""Strategy `parallel`: independent samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field

from app.candidates import Ask
from app.strategies.base import MAX_DRAWS, Strategy, count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.candidates import Candidate
    from app.strategies.history import History


class Parallel(Strategy):
    """`n` samples that know nothing of each other, as in self-consistency (arXiv 2203.11171).

    With `wave`, so many are drawn at once, and the next wave only when all of the last are back: slower, and cheaper
    where a stop rule ends the run between waves.
    """

    example: ClassVar[dict[str, object]] = {"n": 8}

    type: Literal["parallel"] = "parallel"
    n: int = Field(strict=True, ge=1, le=MAX_DRAWS, description="How many samples.")
    max_completion_tokens_per_candidate: int | None = Field(
        strict=True, default=None, ge=1, description="A sample that gets so long is dropped and doesn't vote."
    )
    wave: int | None = Field(
        strict=True, default=None, ge=1, le=MAX_DRAWS, description="How many at once; default all."
    )

    @property
    def draws(self) -> int:
        """`n`."""
        return self.n

    @property
    def width(self) -> int:
        """A wave, or all."""
        return min(self.wave or self.n, self.n)

    def next(self, history: History) -> Sequence[Ask]:
        """Ask for the next wave once nothing is on its way."""
        if history.waiting:
            return []
        asked = len(history.asked)
        width = min(self.wave or self.n, self.n - asked)
        return [Ask(chain=asked + place) for place in range(width)]

    @property
    def token_cap(self) -> int | None:
        """`max_completion_tokens_per_candidate`."""
        return self.max_completion_tokens_per_candidate

    def rejects(self, candidate: Candidate, earlier: Sequence[Candidate]) -> str | None:
        """Reject what the cap cut off, and what any strategy does."""
        cap = self.token_cap
        if cap is not None and candidate.finish_reason == "length" and candidate.usage.completion >= cap:
            return "reached max_completion_tokens_per_candidate"
        return super().rejects(candidate, earlier)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read `parallel-N`."""
        n = count(text, "parallel")
        return None if n is None else cls(n=n)
