"""What a stop rule sees and answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, TypeAlias

import msgspec

from app.parts import Part

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.aggregators.base import Aggregator
    from app.candidates import Candidate
    from app.stopping.terms import Misfit, Terms
    from app.tally import Tally

Judge: TypeAlias = "Callable[[Progress], str | None]"
"""Told of a run's progress after every candidate; returns the name of the rule that lets it end now, or None."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run stands after the candidate `latest`.

    `accepted` are those accepted so far, in the order in which they came back, `tally` is their vote. `waiting` holds,
    in ascending order, the index of every candidate that the strategy may still get, asked for already or not.
    `few_values`: the answers are of a small space, as the question or one of them shows (`app.stopping.small_space`).
    """

    latest: Candidate
    accepted: Sequence[Candidate]
    tally: Tally
    aggregator: Aggregator
    waiting: Sequence[int]
    few_values: bool = False

    @property
    def voter(self) -> int | None:
        """The cluster that the latest candidate votes for; None where it was not accepted or gave no answer."""
        return self.latest.cluster if self.latest.accepted else None


class StopRule(Part):
    """Says after each candidate whether the run may end before all are drawn.

    The rule itself is what a request asks for. What it must remember of one run is in the judge that `begin` returns;
    one that need remember nothing is `satisfied` or isn't. Its work for a candidate is constant, however many there
    were. Candidates that were not accepted or have no answer don't count for it.
    """

    changes_answer: ClassVar[bool] = True
    """Whether a run that it ends may have another answer than one that is drawn to its end."""

    @property
    def alternatives(self) -> Sequence[StopRule]:
        """The rules of which each may end the run: itself, or those that it is made of."""
        return (self,)

    def begin(self) -> Judge:
        """Return the judge of one run, which is told of all its candidates, once each."""
        return lambda progress: self.name if self.satisfied(progress) else None

    def satisfied(self, progress: Progress) -> bool:  # noqa: ARG002 - rules look at it
        """Whether the run may end now, for a rule that needs to remember nothing."""
        return False

    def misfit(self, terms: Terms) -> Misfit | None:  # noqa: ARG002 - rules look at them
        """Return why the rule can never fire, or means nothing, under such a strategy; None where it fits."""
        return None
