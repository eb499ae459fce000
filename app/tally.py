"""The count of a vote: how much weight stands behind each cluster of equivalent answers."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

Weight: TypeAlias = int | Fraction
"""The weight of a vote; exact, and a plain number wherever it can be."""


class Tally(msgspec.Struct):
    """Votes by cluster.

    Weights are exact fractions, so that a sum doesn't depend on the order of arrival. Ties go to the cluster whose
    earliest candidate was asked for first (lowest index): a rule that no timing of the workers can sway.
    """

    votes: dict[int, Weight] = {}
    earliest: dict[int, int] = {}

    def add(self, cluster: int, index: int, weight: Weight) -> None:
        """Count the vote of candidate `index` for `cluster`; a weight of 0 is no vote."""
        if weight <= 0:
            return
        self.votes[cluster] = self.votes.get(cluster, 0) + weight
        self.earliest[cluster] = min(index, self.earliest.get(cluster, index))

    @property
    def total(self) -> Weight:
        """The weight of all votes cast."""
        return sum(self.votes.values())

    def ranked(self) -> list[int]:
        """Return the clusters, most votes first, ties by the rule of the class."""
        return sorted(self.votes, key=lambda cluster: (-self.votes[cluster], self.earliest[cluster]))

    def settled(self, waiting: Sequence[int], heaviest: Weight | None) -> bool:
        """Whether the leader wins whatever the candidates numbered `waiting` will say, each with up to `heaviest`.

        With None for it, a vote may weigh anything, and nothing is settled while any is to come.

        The worst case for the leader is that all of them vote for one rival, old or new. That rival wins with more
        votes than the leader, or with as many if its earliest candidate comes before the leader's.
        """
        if not self.votes:
            return False
        if not waiting or heaviest is None:
            return not waiting
        leader, *rivals = self.ranked()
        outstanding = heaviest * len(waiting)
        soonest = min(waiting)
        threats = [(self.votes[rival], min(self.earliest[rival], soonest)) for rival in rivals] + [(0, soonest)]
        mine = (-self.votes[leader], self.earliest[leader])
        return all(mine < (-(votes + outstanding), first) for votes, first in threats)
