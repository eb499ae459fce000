"""Stop rule `finishers`: only the first so many decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from app.stopping.base import StopRule
from app.stopping.terms import too_many

if TYPE_CHECKING:
    from app.stopping.base import Judge, Progress
    from app.stopping.terms import Misfit, Terms


class Finishers(StopRule):
    """Ends a run when `count` candidates with an answer are in: they alone decide, and nobody waits for the slowest.

    That is short-m@k (arXiv 2505.17813), which draws k and lets the first m vote. Works with every aggregator. Assumes
    that short samples are at least as good as long ones, as they are of reasoning models on problems with one answer.
    """

    example: ClassVar[dict[str, object]] = {"count": 2}

    type: Literal["finishers"] = "finishers"
    count: int = Field(strict=True, ge=1, description="How many accepted candidates with an answer are enough.")

    def begin(self) -> Judge:
        """Return a judge that counts the candidates with an answer."""
        voters = 0

        def judge(progress: Progress) -> str | None:
            nonlocal voters
            voters += progress.voter is not None
            return self.name if voters >= self.count else None

        return judge

    def misfit(self, terms: Terms) -> Misfit | None:
        """Return why there can't be so many."""
        return None if self.count <= terms.voters else too_many("count", self.count, self.count, terms.voters)
