"""What there is of one model: its units, who waits for them, and how fast they come back."""

from __future__ import annotations

from math import ceil, inf
from typing import Generic, TypeVar

from app.admission.line import Line
from app.admission.turnover import Turnover
from app.admission.waiter import Waiter

LEAST_S = 1
MOST_S = 120
"""Bounds of the `Retry-After` that a client is told, in seconds."""

W = TypeVar("W", bound=Waiter)


class Gate(Generic[W]):
    """One model's units: how many are `held`, of how many there are (`capacity`).

    `counted` is when the capacity was last asked for, `dry_since` since when there has been none.
    """

    __slots__ = ("capacity", "counted", "dry_since", "held", "line", "model", "turnover")

    def __init__(self, model: str, now: float) -> None:
        self.model = model
        self.held = 0
        self.capacity = 0
        self.line = Line[W]()
        self.turnover = Turnover(now)
        self.counted = -inf
        self.dry_since: float | None = None

    def count(self, capacity: int, now: float) -> None:
        """Take in how many units there are now."""
        self.capacity = capacity
        self.counted = now
        self.dry_since = None if capacity else now if self.dry_since is None else self.dry_since

    def fits(self, width: int) -> bool:
        """Whether a request of this width can be let in: as a whole, or not at all.

        One that is wider than all there is fits when it is alone: it would never run otherwise, and the workers keep
        what is too much for them in their own queues.
        """
        return self.held + width <= self.capacity or self.held == 0 < self.capacity

    def take(self, units: int, now: float) -> None:
        """Hand out units."""
        self.turnover.note(now, self.held)
        self.held += units

    def take_back(self, units: int, now: float) -> None:
        """Take units back."""
        self.turnover.note(now, self.held, units)
        self.held -= units

    def retry_after_s(self, waiter: Waiter, now: float) -> int:
        """Return in how many seconds a request that finds no room can expect it, within 1 and 120.

        That is the time in which as many units come back as it needs, and as those want who wait at its priority or
        above, less what is free; at the rate at which units came back lately (`Turnover`).
        """
        self.turnover.note(now, self.held)
        missing = self.line.ahead(waiter.priority) + waiter.width - max(0, self.capacity - self.held)
        seconds = self.turnover.seconds_for(missing, self.held)
        return ceil(min(max(seconds, LEAST_S), MOST_S))
