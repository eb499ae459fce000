"""What a stop rule has to work with under a strategy, and what it says where that is not enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from app.aggregators.base import Aggregator


class Misfit(msgspec.Struct, frozen=True, kw_only=True):
    """Why a stop rule doesn't fit its strategy, and what to change; `path` leads to the field at fault in the rule."""

    message: str
    path: tuple[str | int, ...] = ()


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """A strategy as its stop rule sees it.

    `voters` is the most candidates that can be accepted, `alike` the most of them that can give one answer.
    `verified`: there are verifiers. `passable`: one of them may pass a candidate. `independent`: candidates are
    independent draws of one distribution. `few_values`: all answers are of a small space, as those of a multiple
    choice are.
    """

    aggregator: Aggregator
    voters: int
    alike: int
    verified: bool
    passable: bool
    independent: bool
    few_values: bool

    def without_vote(self, rule: str) -> Misfit | None:
        """Return what to say where the aggregator doesn't go by votes; None where it does."""
        if self.aggregator.votes:
            return None
        return Misfit(
            message=f"{rule} goes by votes, and the aggregator {self.aggregator.name!r} doesn't decide by them: "
            "take the aggregator `majority`, or the stop rule `decided`, `finishers` or `none`"
        )

    def without_bound(self, rule: str) -> Misfit | None:
        """Return what to say where votes can't be counted, as there are none or they weigh anything."""
        if self.aggregator.votes and self.aggregator.heaviest is None:
            return Misfit(
                message=f"{rule} counts votes that weigh at most 1, and those of the aggregator "
                f"{self.aggregator.name!r} may weigh anything here: take `majority`, or the stop rule `finishers`"
            )
        return self.without_vote(rule)


def none_to_spare(draws: int) -> Misfit:
    """Return that a run needs all `draws` candidates, so that no rule can end it early."""
    return Misfit(
        message=f"no rule can end the run early, as `min_candidates` ({draws}) have to finish first and no more are "
        "drawn: lower `min_candidates`, let more be drawn, or leave `stop` out"
    )


def too_many(field: str, asked: int, needed: int, there: int) -> Misfit:
    """Return that `field` asks for more candidates than can be `there`, of which `needed` would be enough."""
    why = f", which for answers with few values takes {needed}," if needed > asked else ""
    return Misfit(
        path=(field,),
        message=f"`{field}` {asked}{why} can't be reached: no more than {there} can be accepted and count together; "
        f"lower `{field}`, or let more be drawn and accepted",
    )
