"""The count of a vote: how much weight stands behind each cluster of equivalent answers."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

Weight: TypeAlias = int | Fraction
"""The weight of a vote; exact, and a plain number wherever it can be."""

Place: TypeAlias = tuple[int, int]
"""A candidate's length and index; of two clusters with equal votes, that with the lowest place of a candidate wins."""


class Tally(msgspec.Struct):
    """Votes by cluster.

    Weights are exact fractions, so that a sum doesn't depend on the order of arrival. Ties go to the cluster with the
    shortest candidate, among equals to the one asked for first (lowest index), which alone decides where no lengths
    are told: a rule that no timing of the workers can sway. `leader` and `runner_up` are the first two by that.
    """

    votes: dict[int, Weight] = {}
    places: dict[int, Place] = {}
    leader: int | None = None
    runner_up: int | None = None

    def add(self, cluster: int, index: int, weight: Weight, length: int = 0) -> None:
        """Count the vote of candidate `index` for `cluster`; a weight of 0 is no vote. Takes constant time.

        `length` is at least 0; where ties don't go by it, 0 of all.
        """
        if weight <= 0:
            return
        self.votes[cluster] = self.votes.get(cluster, 0) + weight
        place = (length, index)
        self.places[cluster] = min(place, self.places.get(cluster, place))
        if cluster == self.leader:
            return
        if self._before(cluster, self.leader):
            self.leader, self.runner_up = cluster, self.leader
        elif self._before(cluster, self.runner_up):
            self.runner_up = cluster

    @property
    def total(self) -> Weight:
        """The weight of all votes cast."""
        return sum(self.votes.values())

    @property
    def lead(self) -> Weight:
        """The weight of the leader's votes; 0 without any."""
        return 0 if self.leader is None else self.votes[self.leader]

    @property
    def second(self) -> Weight:
        """The weight of the runner-up's votes; 0 without any."""
        return 0 if self.runner_up is None else self.votes[self.runner_up]

    def ranked(self) -> list[int]:
        """Return the clusters, most votes first, ties by the rule of the class."""
        return sorted(self.votes, key=self._rank)

    def settled(self, waiting: Sequence[int], heaviest: Weight | None) -> bool:
        """Whether the leader wins whatever the candidates numbered `waiting`, in ascending order, will say.

        Each may weigh up to `heaviest`; with None for it, a vote may weigh anything, and nothing is settled while any
        is to come. The worst case for the leader is that all of them vote for one rival: the runner-up, or a new one,
        and that they are shorter than anything. That rival wins with more votes than the leader, or with as many if
        it wins a tie. Takes constant time.
        """
        if self.leader is None:
            return False
        if not waiting or heaviest is None:
            return not waiting
        outstanding, soonest = heaviest * len(waiting), (0, waiting[0])
        threats = [(-outstanding, soonest)]
        if self.runner_up is not None:
            threats.append((-(self.second + outstanding), min(self.places[self.runner_up], soonest)))
        mine = self._rank(self.leader)
        return all(mine < threat for threat in threats)

    def _rank(self, cluster: int) -> tuple[Weight, Place]:
        return -self.votes[cluster], self.places[cluster]

    def _before(self, cluster: int, other: int | None) -> bool:
        return other is None or self._rank(cluster) < self._rank(other)
