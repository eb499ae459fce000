"""Strategy `hybrid`: parallel and sequential sampling combined."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from app.candidates import Ask
from app.strategies.base import MAX_DRAWS, Strategy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.strategies.history import History

CHAINS = re.compile(r"hybrid-([0-9]{1,4})x([0-9]{1,4})")
WIDTHS = re.compile(r"hybrid-([0-9]{1,4}(?:\+[0-9]{1,4})+)")


class Hybrid(Strategy):
    """Either `chains` independent chains of `rounds` rounds, or `widths`: how many samples each round draws.

    A round of a chain sees its own chain only; a round of `widths` sees everything that came before it, so that
    `[1, 1, 6]` is two sequential rounds and then six parallel samples on top of them.
    """

    example: ClassVar[dict[str, object]] = {"chains": 2, "rounds": 2}

    type: Literal["hybrid"] = "hybrid"
    chains: int | None = Field(
        strict=True, default=None, ge=1, le=MAX_DRAWS, description="Independent chains; needs `rounds`."
    )
    rounds: int | None = Field(
        strict=True, default=None, ge=1, le=MAX_DRAWS, description="Rounds a chain; needs `chains`."
    )
    widths: tuple[Annotated[int, Field(strict=True, ge=1, le=MAX_DRAWS)], ...] | None = Field(
        default=None, min_length=1, max_length=MAX_DRAWS, description="Samples a round, instead of chains and rounds."
    )

    @model_validator(mode="after")
    def _one_shape(self) -> Self:
        by_chains = (self.chains is not None, self.rounds is not None)
        if any(by_chains) == (self.widths is not None) or (any(by_chains) and not all(by_chains)):
            raise ValueError("give either `chains` and `rounds`, or `widths`")
        if self.draws > MAX_DRAWS:
            raise ValueError(f"asks for {self.draws} candidates; at most {MAX_DRAWS} are possible")
        return self

    @property
    def draws(self) -> int:
        """The product of chains and rounds, or the sum of the widths."""
        return sum(self.widths) if self.widths else (self.chains or 0) * (self.rounds or 0)

    @property
    def width(self) -> int:
        """The number of chains, or the widest round."""
        return max(self.widths) if self.widths else self.chains or 0

    def next(self, history: History) -> Sequence[Ask]:
        """Ask for the next round: of each chain by itself, or of all once the last round is back."""
        return self._next_width(history) if self.widths else self._next_of_chains(history)

    def _next_of_chains(self, history: History) -> Sequence[Ask]:
        asked = Counter(ask.chain for ask in history.asked)
        done = Counter(candidate.chain for candidate in history.done)
        idle = (chain for chain in range(self.chains or 0) if asked[chain] == done[chain] < (self.rounds or 0))
        return [self._continue(chain, asked[chain], history) for chain in idle]

    @staticmethod
    def _continue(chain: int, rounds: int, history: History) -> Ask:
        """Return the ask for the next round of a chain that has had so many."""
        seen = tuple(candidate for candidate in history.finished if candidate.chain == chain)
        return Ask(round=rounds, chain=chain, shown=seen, previous=seen)

    def _next_width(self, history: History) -> Sequence[Ask]:
        widths = self.widths or ()
        rounds = 1 + max((ask.round for ask in history.asked), default=-1)
        if history.waiting or rounds >= len(widths):
            return []
        seen = history.finished
        return [Ask(round=rounds, chain=chain, shown=seen, previous=seen) for chain in range(widths[rounds])]

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read `hybrid-CxR` and `hybrid-W+W+W`."""
        if match := CHAINS.fullmatch(text):
            return cls(chains=int(match[1]), rounds=int(match[2]))
        if match := WIDTHS.fullmatch(text):
            return cls(widths=tuple(int(width) for width in match[1].split("+")))
        return None
