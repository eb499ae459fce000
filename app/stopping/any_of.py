"""Stop rule `any_of`: whichever of several rules is the first."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from msgspec.structs import replace
from pydantic import Field

from app.stopping.base import StopRule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.stopping import AnySingleRule  # noqa: TC004 - there only once all rules are read
    from app.stopping.terms import Misfit, Terms


class AnyOf(StopRule):
    """Ends a run when one of `rules` would; `stopped_by` names that one, of several the first in the list.

    It assumes what each of them does. One that breaks is out, and the others go on. They can't be `any_of` themselves,
    or `none`.
    """

    example: ClassVar[dict[str, object]] = {"rules": ["decided", {"type": "race", "votes": 2}]}

    type: Literal["any_of"] = "any_of"
    rules: tuple[AnySingleRule, ...] = Field(min_length=2, max_length=8, description="Rules of which one is enough.")

    @property
    def alternatives(self) -> Sequence[StopRule]:
        """The rules."""
        return self.rules

    def misfit(self, terms: Terms) -> Misfit | None:
        """Return the first misfit among the rules."""
        for place, rule in enumerate(self.rules):
            if misfit := rule.misfit(terms):
                return replace(misfit, path=("rules", place, *misfit.path))
        return None
