"""What a stop rule sees and answers."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

import msgspec

from app.parts import Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.aggregators.base import Aggregator
    from app.candidates import Candidate
    from app.tally import Tally


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run stands after a candidate: those accepted so far, their vote, and the numbers of those to come.

    `waiting` holds the index of every candidate that the strategy may still get, asked for already or not.
    """

    accepted: Sequence[Candidate]
    tally: Tally
    aggregator: Aggregator
    waiting: Sequence[int]


class StopRule(Part):
    """Says after each candidate whether the run may end before all are drawn."""

    @abstractmethod
    def satisfied(self, progress: Progress) -> bool:
        """Whether the run may end now."""
