"""The line before one model: a fair line for each priority, and what keeps the low ones from starving."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Generic, TypeVar

from app.admission.fair import FairLine
from app.admission.priority import Priority
from app.admission.waiter import Waiter

if TYPE_CHECKING:
    from collections.abc import Iterator

W = TypeVar("W", bound=Waiter)

AGING_S = 15.0
"""Seconds of waiting at one priority that raise a request to the next."""


class Line(Generic[W]):
    """Requests in the order of their turns: by priority, and fair between keys within one.

    Low priorities age: a request that has waited `AGING_S` at its level moves up to the next, where it stands behind
    what its own key has there, and shares fairly with the others. So after 30 s a `low` one stands among the `high`,
    from where nothing can overtake it for ever; and a key with many that have aged takes no more than its share from
    those that came as `high`.
    """

    def __init__(self) -> None:
        self._levels = tuple(FairLine[W]() for _ in Priority)

    def __len__(self) -> int:
        return sum(map(len, self._levels))

    def __iter__(self) -> Iterator[W]:
        return (waiter for level in self._levels for waiter in level)

    def __contains__(self, waiter: W) -> bool:
        return waiter in self._levels[waiter.level]

    def next(self, now: float) -> W | None:
        """Whose turn it is; None where nobody waits."""
        self._age(now)
        return next((level.next for level in self._levels if len(level)), None)

    def join(self, waiter: W) -> None:
        """Let a request wait."""
        self._levels[waiter.level].join(waiter)

    def leave(self, waiter: W) -> None:
        """Forget a request that no longer waits."""
        self._levels[waiter.level].leave(waiter)

    def let_in(self, waiter: W) -> None:
        """Take the next one out of the line."""
        self._levels[waiter.level].let_in(waiter)

    def ahead(self, priority: Priority) -> int:
        """Return the units that those want who wait at this priority or above it."""
        return sum(level.units for level in self._levels[: priority + 1])

    def _age(self, now: float) -> None:
        for lower, higher in pairwise(reversed(Priority)):
            while (oldest := self._levels[lower].oldest) and now - oldest.joined >= AGING_S:
                self.leave(oldest)
                oldest.level, oldest.joined = higher, oldest.joined + AGING_S
                self.join(oldest)
