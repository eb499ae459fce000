"""Stop rule `race`: the first answer with so many votes wins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from app.stopping.base import StopRule
from app.stopping.small_space import votes_needed
from app.stopping.terms import too_many

if TYPE_CHECKING:
    from app.stopping.base import Progress
    from app.stopping.terms import Misfit, Terms


class Race(StopRule):
    """Ends a run with the first answer that has `votes` votes, or votes of that weight: the first two that agree win.

    Of several samples of one problem the short ones are right more often than the long (short-m@k, arXiv 2505.17813),
    so what finishes first is a good voter. Assumes that, and that wrong answers differ: with few values to choose
    from, one vote more is needed.
    """

    type: Literal["race"] = "race"
    votes: int = Field(strict=True, default=2, ge=2, description="The weight of equal answers that ends the run.")

    def satisfied(self, progress: Progress) -> bool:
        """Whether the leader has the votes."""
        return progress.tally.lead >= votes_needed(self.votes, few_values=progress.few_values)

    def misfit(self, terms: Terms) -> Misfit | None:
        """Return why no answer can have the votes."""
        if misfit := terms.without_bound(self.name):
            return misfit
        needed = votes_needed(self.votes, few_values=terms.few_values)
        return None if needed <= terms.alike else too_many("votes", self.votes, needed, terms.alike)
