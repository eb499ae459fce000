"""Policy `two_choices`: of two workers taken at random, the one with less to do."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from app.workers.balancing.base import burden, least_burdened

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from app.workers.balancing.base import Draw
    from app.workers.worker import Worker

TRIES = 4
"""Pairs that are looked at for a worker with room, before all workers are."""


class TwoChoices:
    """The power of two choices (Mitzenmacher, IEEE TPDS 2001): nearly as even as the least of all, at constant cost.

    With knowledge that is a moment old, it also keeps many gateways from running to the same worker at once. Only
    where nearly all workers are full are all of them looked at.
    """

    def __init__(self, random: Random | None = None) -> None:
        self._random = random or Random()  # noqa: S311 - nothing secret hangs on it

    def choose(self, workers: Sequence[Worker], draw: Draw, avoid: Collection[Worker] = ()) -> Worker | None:
        """Return the less burdened of two; of two alike, the first that was taken."""
        if len(workers) > 1:
            for _ in range(TRIES):
                fit = [one for one in self._two(workers) if one.has_room and one not in avoid]
                if fit:
                    return fit[0] if len(fit) == 1 or burden(fit[0], draw) <= burden(fit[1], draw) else fit[1]
        return least_burdened(workers, draw, avoid)

    def _two(self, workers: Sequence[Worker]) -> tuple[Worker, Worker]:
        """Return two workers, of at least as many, at random."""
        count = len(workers)
        first = int(self._random.random() * count)
        second = int(self._random.random() * (count - 1))
        return workers[first], workers[second + (second >= first)]
