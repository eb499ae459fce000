"""Stop rule `window`: stop when so many in a row agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from app.stopping.base import StopRule
from app.stopping.small_space import votes_needed
from app.stopping.terms import too_many

if TYPE_CHECKING:
    from app.stopping.base import Judge, Progress
    from app.stopping.terms import Misfit, Terms


class Window(StopRule):
    """Ends a run when all answers of one window of `size` are the same (early-stopping self-consistency).

    That is ESC, arXiv 2401.10480. Candidates with an answer are cut into windows in the order of arrival: the first
    `size`, the next, and so on. The vote over all that are in decides then. Assumes that wrong answers differ: with few
    values to choose from, windows are one longer. What votes weigh doesn't matter.
    """

    type: Literal["window"] = "window"
    size: int = Field(strict=True, default=4, ge=2, description="Candidates a window; all must agree.")

    def begin(self) -> Judge:
        """Return a judge that fills one window after the other; once one agreed, the run may end."""
        window: list[int] = []
        agreed = False

        def judge(progress: Progress) -> str | None:
            nonlocal agreed
            if progress.voter is not None:
                window.append(progress.voter)
            if len(window) >= votes_needed(self.size, few_values=progress.few_values):
                agreed |= len(set(window)) == 1
                window.clear()
            return self.name if agreed else None

        return judge

    def misfit(self, terms: Terms) -> Misfit | None:
        """Return why no window can agree."""
        if misfit := terms.without_vote(self.name):
            return misfit
        needed = votes_needed(self.size, few_values=terms.few_values)
        return None if needed <= terms.alike else too_many("size", self.size, needed, terms.alike)
