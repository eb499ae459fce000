"""Policy `two_choices`: of two workers taken at random, the one with less to do."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from app.workers.balancing.base import burden

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.workers.balancing.base import Draw
    from app.workers.worker import Worker


class TwoChoices:
    """The power of two choices (Mitzenmacher, IEEE TPDS 2001): nearly as even as the least of all, at constant cost.

    With knowledge that is a moment old, it also keeps many gateways from running to the same worker at once.
    """

    def __init__(self, random: Random | None = None) -> None:
        self._random = random or Random()  # noqa: S311 - nothing secret hangs on it

    def choose(self, workers: Sequence[Worker], draw: Draw) -> Worker:
        """Return the less burdened of two; of two alike, the first that was taken."""
        count = len(workers)
        if count == 1:
            return workers[0]
        first = int(self._random.random() * count)
        second = int(self._random.random() * (count - 1))
        one, other = workers[first], workers[second + (second >= first)]
        return one if burden(one, draw) <= burden(other, draw) else other
