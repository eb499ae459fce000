"""Stop rule `decided`: stop as soon as the winner can't change any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from app.stopping.base import StopRule

if TYPE_CHECKING:
    from app.stopping.base import Progress


class Decided(StopRule):
    """Ends a run when no outcome of what is left can change the winning answer, so it never changes the answer.

    For a vote: the leader's votes exceed the runner-up's by more than what is outstanding, or by just as much where
    the tie rule is the leader's anyway. Every aggregator knows for itself when it is settled.
    """

    type: Literal["decided"] = "decided"

    changes_answer: ClassVar[bool] = False

    def satisfied(self, progress: Progress) -> bool:
        """Whether the aggregator's choice is settled."""
        return progress.aggregator.settled(progress.accepted, progress.tally, progress.waiting)
