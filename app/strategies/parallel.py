"""Strategy `parallel`: independent samples."""

from __future__ import annotations

from itertools import accumulate, chain, pairwise, repeat
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from app.candidates import MAX_TOKENS, Ask
from app.strategies.base import MAX_DRAWS, Strategy, count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from app.candidates import Candidate
    from app.strategies.history import History


Size = Annotated[int, Field(strict=True, ge=1, le=MAX_DRAWS)]


class Parallel(Strategy):
    """`n` samples that know nothing of each other, as in self-consistency (arXiv 2203.11171).

    With `wave`, so many are drawn at once, and the next wave only when all of the last are back: slower, and cheaper
    where a stop rule ends the run between waves. A list gives the sizes of the first waves, and the last of them again
    and again: `[2, 4, 8]` draws two, and more only on disagreement.
    """

    example: ClassVar[dict[str, object]] = {"n": 8}
    independent: ClassVar[bool] = True

    type: Literal["parallel"] = "parallel"
    n: int = Field(strict=True, ge=1, le=MAX_DRAWS, description="How many samples.")
    max_completion_tokens_per_candidate: int | None = Field(
        strict=True,
        default=None,
        ge=1,
        le=MAX_TOKENS,
        description="A sample that gets so long is dropped and doesn't vote.",
    )
    wave: Size | Annotated[tuple[Size, ...], Field(min_length=1, max_length=64)] | None = Field(
        default=None, description="How many at once, or the sizes of the waves, the last of which repeats; default all."
    )
    in_flight: Size | None = Field(
        default=None, description="How many are under way at any time: one that is back makes room for the next."
    )

    @model_validator(mode="after")
    def _waves_or_a_stream(self) -> Self:
        if self.wave is not None and self.in_flight is not None:
            raise ValueError("`wave` and `in_flight` both say when the next sample begins: leave one of them out")
        return self

    @property
    def draws(self) -> int:
        """`n`."""
        return self.n

    @property
    def width(self) -> int:
        """`in_flight`, the largest wave, or all."""
        if self.in_flight is not None:
            return min(self.in_flight, self.n)
        ends = [0, *self._ends()]
        return max(end - start for start, end in pairwise(ends))

    def next(self, history: History) -> Sequence[Ask]:
        """Ask for the next wave once nothing is on its way, or for as many as there is room for in flight."""
        asked = len(history.asked)
        if self.in_flight is not None:
            end = min(len(history.done) + self.in_flight, self.n)
        elif history.waiting:
            return []
        else:
            end = next((end for end in self._ends() if end > asked), asked)
        return [Ask(chain=place) for place in range(asked, end)]

    def _ends(self) -> Iterator[int]:
        """Yield how many samples are asked for by the end of each wave."""
        sizes = self.wave if isinstance(self.wave, tuple) else (self.wave or self.n,)
        for end in accumulate(chain(sizes, repeat(sizes[-1]))):
            yield min(end, self.n)
            if end >= self.n:
                return

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
