"""What a stop rule sees and answers."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from app.parts import Part

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.aggregators.base import Aggregator
    from app.candidates import Candidate
    from app.tally import Tally

Judge: TypeAlias = "Callable[[Progress], str | None]"
"""Told of a run's progress after every candidate; returns the name of the rule that lets it end now, or None."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run stands after the candidate `latest`.

    `accepted` are those accepted so far, in the order in which they came back, `tally` is their vote. `waiting` holds,
    in ascending order, the index of every candidate that the strategy may still get, asked for already or not.
    """

    latest: Candidate
    accepted: Sequence[Candidate]
    tally: Tally
    aggregator: Aggregator
    waiting: Sequence[int]


class StopRule(Part):
    """Says after each candidate whether the run may end before all are drawn.

    The rule itself is what a request asks for. What it must remember of one run is in the judge that `begin` returns.
    Its work for a candidate is constant, however many there were. Candidates without an answer don't count for it.
    """

    def begin(self) -> Judge:
        """Return the judge of one run, which is told of all its candidates, once each."""
        return lambda progress: self.name if self.satisfied(progress) else None

    @abstractmethod
    def satisfied(self, progress: Progress) -> bool:
        """Whether the run may end now, for a rule that needs to remember nothing."""
