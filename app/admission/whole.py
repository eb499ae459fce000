"""The bound on what all models have in flight together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection


class Share(Protocol):
    """One model's part: units that are held, and that its workers have."""

    held: int
    capacity: int


class Whole:
    """Bounds all models together: by `limit`, or else by what the workers take, `capacity`, all of them together.

    Without a limit it matters where a worker serves several models and counts for each of them. What a model holds
    beyond its own capacity (a request that is wider than that) waits at its own workers, and is kept from no other.
    """

    __slots__ = ("_limit", "capacity")

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self.capacity = 0

    def fits(self, width: int, at: Share, among: Collection[Share]) -> bool:
        """Whether a request for the model `at` fits `among` all; one wider than the limit does when it is alone."""
        if self._limit is not None:
            held = sum(one.held for one in among)
            return held + width <= self._limit or not held
        if len(among) == 1:
            return True
        others = sum(min(one.held, one.capacity) for one in among if one is not at)
        return others + min(at.held + width, at.capacity) <= self.capacity
