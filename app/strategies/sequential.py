"""Strategy `sequential`: rounds, each of which sees the earlier solutions."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field

from app.candidates import Ask
from app.strategies.base import MAX_DRAWS, Strategy, count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.strategies.history import History


class Sequential(Strategy):
    """`rounds` samples one after the other, each with the earlier ones in its context.

    Models tend to copy what they see, so expect less exploration than from `parallel` unless verifiers feed back
    what is wrong (arXiv 2604.05868): `copy_ratio` and `similarity_to_previous` of the response tell.
    """

    example: ClassVar[dict[str, object]] = {"rounds": 4}

    type: Literal["sequential"] = "sequential"
    rounds: int = Field(strict=True, ge=1, le=MAX_DRAWS, description="How many rounds.")

    @property
    def draws(self) -> int:
        """`rounds`."""
        return self.rounds

    @property
    def width(self) -> int:
        """One at a time."""
        return 1

    def next(self, history: History) -> Sequence[Ask]:
        """Ask for the next round when the last is back; a round that failed is not repeated."""
        if history.waiting or len(history.asked) >= self.rounds:
            return []
        seen = history.finished
        return [Ask(round=len(history.asked), shown=seen, previous=seen)]

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read `sequential-K`."""
        rounds = count(text, "sequential")
        return None if rounds is None else cls(rounds=rounds)
