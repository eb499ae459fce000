"""Policy `prefix_hash`: prompts that begin alike go to the worker that has read that beginning before."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Self
from zlib import crc32

import msgspec

from app.workers.balancing.base import burden

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.workers.balancing.base import Draw
    from app.workers.worker import Worker

POINTS = 64
"""Places of each worker on the ring; with these, shares of the ring differ by about an eighth."""

MOST = 2.0
"""How much more burdened than the next worker on the ring the prefix's own may be."""


KEPT = 64
"""Rings that are kept: one for each model, and for each change of its workers until they are let go."""


class Ring(msgspec.Struct, frozen=True):
    """The ring that `workers` are laid on: `owners[i]` has what lies up to `places[i]`, and beyond the one before."""

    workers: Sequence[Worker]
    places: list[int]
    owners: list[Worker]

    @classmethod
    def of(cls, workers: Sequence[Worker]) -> Self:
        """Return the ring of these workers."""
        points = sorted(
            ((crc32(f"{worker.id}/{number}".encode()), worker) for worker in workers for number in range(POINTS)),
            key=lambda point: point[0],
        )
        return cls(workers, [place for place, _ in points], [worker for _, worker in points])


class PrefixHash:
    """Consistent hashing with a bound on load (Mirrokni et al., arXiv 1608.01350).

    A worker that comes or goes moves only the prefixes next to it. One that has more than `MOST` times to do of what
    the next on the ring has gives way to it.
    """

    def __init__(self) -> None:
        self._rings: dict[int, Ring] = {}

    def choose(self, workers: Sequence[Worker], draw: Draw) -> Worker:
        """Return the worker at the prefix's place, or the next one where that has too much to do."""
        ring = self._ring(workers)
        place = bisect_left(ring.places, draw.prefix) % len(ring.owners)
        own = ring.owners[place]
        following = next((one for one in ring.owners[place + 1 : place + POINTS] if one is not own), own)
        return own if burden(own, draw) <= MOST * burden(following, draw) else following

    def _ring(self, workers: Sequence[Worker]) -> Ring:
        ring = self._rings.get(id(workers))
        if ring is None or ring.workers is not workers:
            if len(self._rings) >= KEPT:
                self._rings.clear()
            ring = self._rings[id(workers)] = Ring.of(workers)
        return ring
