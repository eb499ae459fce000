"""What every strategy has in common: the fields of a spec, and the one question that it answers."""

from __future__ import annotations

import re
from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, ValidationError, model_validator

from app.aggregators import AnyAggregator
from app.aggregators.majority import Majority
from app.answers import AnyExtractor
from app.answers.auto import Auto
from app.budget import Budget
from app.context import Context
from app.parts import Part
from app.sampling import Sampling
from app.stopping import AnyStopRule
from app.stopping.decided import Decided
from app.stopping.terms import Terms, none_to_spare
from app.verifiers import AnyVerifier
from app.verifiers.base import every

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.candidates import Ask, Candidate
    from app.stopping.terms import Misfit
    from app.strategies.history import History

MAX_DRAWS = 1_024
"""The most candidates that any spec may name; a server's own limit is usually far lower."""

SHORT_NUMBER = re.compile(r"[0-9]{1,9}")

UNVERIFIED = {"fail": "failed verification", "error": "verifier broke"}
"""Why a candidate with such a verdict doesn't count: nobody vouches for it."""


class Strategy(Part):
    """A way to spend samples on one question.

    A strategy is a pure function from what has happened (`History`) to what to ask next; it never talks to a worker,
    counts, verifies or votes. The same object therefore serves live requests, tests and offline replay.
    """

    independent: ClassVar[bool] = False
    """Whether no candidate knows of another."""

    answer: AnyExtractor = Field(default=Auto(), description="How a candidate's answer is found and compared.")
    verifiers: tuple[AnyVerifier, ...] = Field(default=(), max_length=8, description="All must pass.")
    aggregator: AnyAggregator = Field(default=Majority(), description="How the candidates become one answer.")
    stop: AnyStopRule = Field(default=Decided(), description="Whether the run may end before all are drawn.")
    sampling: Sampling = Sampling()
    context: Context = Context()
    budget: Budget = Budget()
    min_candidates: int = Field(
        strict=True, default=1, ge=1, le=MAX_DRAWS, description="Fewest finished candidates for an answer."
    )
    include: tuple[Literal["candidates", "texts"], ...] = Field(
        default=("candidates",), max_length=2, description="What the response lists: the candidates, and their texts."
    )

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if self.aggregator.needs_score and not self.verifiers:
            raise ValueError(f"aggregator {self.aggregator.name!r} needs a score: add a verifier to `verifiers`")
        if self.aggregator.needs_outputs and not any(one.observes for one in every(self.verifiers)):
            raise ValueError(f"aggregator {self.aggregator.name!r} compares what programs do: add a verifier `tests`")
        if 0 < self.draws < self.min_candidates:
            raise ValueError(f"min_candidates ({self.min_candidates}) is more than the strategy draws ({self.draws})")
        if misfit := self.misfit:
            raise _error_at("stop", *misfit.path, message=misfit.message)
        return self

    @property
    @abstractmethod
    def draws(self) -> int:
        """The most candidates that the strategy may ask for."""

    @property
    def voters(self) -> int:
        """The most candidates that can be accepted."""
        return self.draws

    @property
    def alike(self) -> int:
        """The most accepted candidates that can give one answer."""
        return self.voters

    @property
    def misfit(self) -> Misfit | None:
        """Why the stop rule can never fire, or means nothing, under this strategy; None where it fits."""
        terms = Terms(
            aggregator=self.aggregator,
            voters=self.voters,
            alike=self.alike,
            verified=bool(self.verifiers),
            passable=any(verifier.passes for verifier in self.verifiers),
            independent=self.independent and not isinstance(self.sampling.temperature, tuple),
            few_values=self.answer.few_values,
        )
        return self.stop.misfit(terms) or self._none_to_spare

    @property
    def _none_to_spare(self) -> Misfit | None:
        """Why the run can't end before all are drawn, where that was asked for."""
        needs_all = 1 < self.min_candidates == self.draws
        return none_to_spare(self.draws) if needs_all and self.stop.changes_answer else None

    @property
    def width(self) -> int:
        """The most candidates that are in flight at once."""
        return self.draws

    @property
    def token_cap(self) -> int | None:
        """The most completion tokens of one candidate, where the strategy itself bounds them."""
        return None

    @abstractmethod
    def next(self, history: History) -> Sequence[Ask]:
        """Return what to ask now; called at the start and after each candidate, empty when there is nothing to ask."""

    def rejects(self, candidate: Candidate, earlier: Sequence[Candidate]) -> str | None:  # noqa: ARG002 - `reject` looks
        """Return why a finished candidate doesn't count, or None. `earlier` are the finished ones before it."""
        status = candidate.verdict.status if candidate.verdict else None
        if status in UNVERIFIED:
            return UNVERIFIED[status]
        return None if candidate.answer else "no answer found"

    @classmethod
    def parse(cls, text: str) -> Self | None:  # noqa: ARG003 - a strategy need not have one
        """Return the strategy that the short form `text` names, as `parallel-8`; None where it isn't this one's."""
        return None


def count(text: str, prefix: str) -> int | None:
    """Return N of `prefix-N`; None where `text` is not of that form."""
    head, _, digits = text.rpartition("-")
    return int(digits) if head == prefix and SHORT_NUMBER.fullmatch(digits) else None


def _error_at(*path: str | int, message: str) -> ValidationError:
    """Return the error of a field at `path` in the spec, which a validator of the whole may raise."""
    cause = {"error": ValueError(message)}
    return ValidationError.from_exception_data(
        "strategy", [{"type": "value_error", "loc": path, "input": None, "ctx": cause}]
    )
