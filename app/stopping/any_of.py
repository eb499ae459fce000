"""Stop rule `any_of`: whichever of several rules is the first."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from msgspec.structs import replace
from pydantic import Field

from app.stopping.base import StopRule

if TYPE_CHECKING:
    from app.stopping import AnySingleRule  # noqa: TC004 - there only once all rules are read
    from app.stopping.base import Judge, Progress
    from app.stopping.terms import Misfit, Terms


class AnyOf(StopRule):
    """Ends a run when one of `rules` would; `stopped_by` names that one, of several the first in the list.

    It assumes what each of them does. They can't be `any_of` themselves, or `none`.
    """

    example: ClassVar[dict[str, object]] = {"rules": ["decided", {"type": "race", "votes": 2}]}

    type: Literal["any_of"] = "any_of"
    rules: tuple[AnySingleRule, ...] = Field(min_length=2, max_length=8, description="Rules of which one is enough.")

    def begin(self) -> Judge:
        """Return a judge that tells all the rules' judges of every candidate."""
        judges = [rule.begin() for rule in self.rules]

        def judge(progress: Progress) -> str | None:
            names = [told(progress) for told in judges]
            return next((name for name in names if name), None)

        return judge

    def misfit(self, terms: Terms) -> Misfit | None:
        """Return the first misfit among the rules."""
        for place, rule in enumerate(self.rules):
            if misfit := rule.misfit(terms):
                return replace(misfit, path=("rules", place, *misfit.path))
        return None
