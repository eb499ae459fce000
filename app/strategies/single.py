"""Strategy `single`: one sample, passed through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from app.aggregators import AnyAggregator
from app.aggregators.first_accepted import FirstAccepted
from app.candidates import Ask
from app.stopping import AnyStopRule
from app.stopping.none import NeverStop
from app.strategies.base import MAX_DRAWS, Strategy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.candidates import Candidate
    from app.stopping.terms import Misfit
    from app.strategies.history import History


class Single(Strategy):
    """One sample, as if Quorum weren't there; `n` is OpenAI's: so many choices, returned in order and not voted on."""

    type: Literal["single"] = "single"
    n: int = Field(strict=True, default=1, ge=1, le=MAX_DRAWS, description="Choices to return; the request's own `n`.")
    aggregator: AnyAggregator = FirstAccepted()
    stop: AnyStopRule = NeverStop()

    @model_validator(mode="after")
    def _does_not_choose(self) -> Self:
        if (self.aggregator, self.stop) != (FirstAccepted(), NeverStop()):
            raise ValueError("single returns its samples as they are: it takes no aggregator and no stop rule")
        return self

    @property
    def misfit(self) -> Misfit | None:
        """None: it takes one stop rule only."""
        return None

    @property
    def draws(self) -> int:
        """`n`."""
        return self.n

    def next(self, history: History) -> Sequence[Ask]:
        """Ask for everything at once."""
        return [] if history.asked else [Ask(chain=chain) for chain in range(self.n)]

    def rejects(self, candidate: Candidate, earlier: Sequence[Candidate]) -> str | None:  # noqa: ARG002
        """Return None: what the model says is what the caller gets; a verdict is shown and doesn't choose."""
        return None

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read `single`."""
        return cls() if text == "single" else None
