"""A Swiss tournament: everybody plays every round, against somebody with about as many points, and nobody twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DRAW = 0.5

MAX_STEPS = 10_000
"""How many pairings are tried for a round before somebody has to sit out."""


class Standings:
    """Where the players stand. They are numbered from 0 by their strength, which breaks ties in points.

    `points` by player: 1 for a win, half for a draw and for a round without a match that was played, which so is worth
    what it tells: nothing. `played` counts matches, `told` those of them of which somebody could tell who won.
    """

    def __init__(self, players: int) -> None:
        self.points = [0.0] * players
        self.played = 0
        self.told = 0
        self._met: set[frozenset[int]] = set()
        self._byes = [0] * players

    def order(self) -> list[int]:
        """Return the players, most points first, ties by their strength."""
        return sorted(range(len(self.points)), key=lambda player: (-self.points[player], player))

    def pairs(self) -> list[tuple[int, int]]:
        """Return who plays whom in the next round, best first.

        With an odd number the weakest sits out (a bye), but nobody a second time before everybody has.
        """
        players = self.order()
        if len(players) % 2:
            bye = min(reversed(players), key=lambda player: self._byes[player])
            players.remove(bye)
            self._byes[bye] += 1
        steps = MAX_STEPS
        pairs: list[tuple[int, int]] = []

        def paired(free: Sequence[int]) -> bool:
            nonlocal steps
            if not free:
                return True
            first, *others = free
            for place, other in enumerate(others):
                steps -= 1
                if steps < 0:
                    return False
                if frozenset((first, other)) in self._met:
                    continue
                pairs.append((first, other))
                if paired(others[:place] + others[place + 1 :]):
                    return True
                pairs.pop()
            return False

        return pairs if paired(players) else self._greedy(players)

    def take(self, results: Iterable[tuple[tuple[int, int], float | None]]) -> None:
        """Put down a round's results: what the first of each pair got of the one point; None for nobody could tell."""
        round_points = [DRAW] * len(self.points)
        for (one, other), points in results:
            self._met.add(frozenset((one, other)))
            self.played += 1
            if points is not None:
                self.told += 1
                round_points[one], round_points[other] = points, 1.0 - points
        self.points = [sum(both) for both in zip(self.points, round_points, strict=True)]

    def _greedy(self, players: Sequence[int]) -> list[tuple[int, int]]:
        """Return as many pairs as come about from the top down, where not everybody finds an opponent."""
        free = list(players)
        pairs: list[tuple[int, int]] = []
        while free:
            first = free.pop(0)
            other = next((one for one in free if frozenset((first, one)) not in self._met), None)
            if other is not None:
                free.remove(other)
                pairs.append((first, other))
        return pairs


def default_rounds(players: int) -> int:
    """Return how many rounds tell one winner of so many players: the base-2 logarithm, rounded up."""
    return (players - 1).bit_length()
