"""Policy `prefix_hash`: prompts that begin alike go to the worker that has read that beginning before."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from app.workers.balancing.base import burden, least_burdened

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from numpy.typing import NDArray

    from app.workers.balancing.base import Draw
    from app.workers.worker import Worker

POINTS = 64
"""Places of each worker on the ring; with these, shares of the ring differ by about an eighth."""

MOST = 2.0
"""How much more burdened than the next worker on the ring the prefix's own may be."""

LOOKED_AT = 4 * POINTS
"""Places that are looked at for workers with room, before all workers are."""

KEPT = 64
"""Rings that are kept: one for each model, and for each change of its workers until they are let go."""


class Ring:
    """The ring that `workers` are laid on, each at `POINTS` places: it has what lies up to these, from the one before.

    Of numpy, so that one of 1,000 workers takes milliseconds: the event loop waits for it whenever any comes or goes.
    """

    def __init__(self, workers: Sequence[Worker]) -> None:
        self.workers = workers
        places = np.concatenate([places_of(worker.id) for worker in workers])
        order = np.argsort(places, kind="stable")
        self._places = places[order]
        self._owners = order // POINTS

    def following(self, prefix: int) -> Iterator[Worker]:
        """Yield the owners of the prefix's place and of those behind it, once around at most."""
        count = len(self._places)
        first = int(np.searchsorted(self._places, np.uint32(prefix)))
        for place in range(first, first + min(count, LOOKED_AT)):
            yield self.workers[self._owners[place % count]]


@lru_cache(maxsize=4_096)
def places_of(id_: str) -> NDArray[np.uint32]:
    """Return where on the ring a worker is."""
    return np.fromiter((crc32(f"{id_}/{number}".encode()) for number in range(POINTS)), np.uint32, POINTS)


class PrefixHash:
    """Consistent hashing with a bound on load (Mirrokni et al., arXiv 1608.01350).

    A worker that comes or goes moves only the prefixes next to it. One that is full, or has more than `MOST` times to
    do of what the next on the ring has, gives way to that.
    """

    def __init__(self) -> None:
        self._rings: dict[int, Ring] = {}

    def choose(self, workers: Sequence[Worker], draw: Draw, avoid: Collection[Worker] = ()) -> Worker | None:
        """Return the worker at the prefix's place, or the next one where that has too much to do."""
        if not workers:
            return None
        own = None
        for worker in self._ring(workers).following(draw.prefix):
            if worker is own or worker in avoid or not worker.has_room:
                continue
            if own is not None:
                return own if burden(own, draw) <= MOST * burden(worker, draw) else worker
            own = worker
        return own or least_burdened(workers, draw, avoid)

    def _ring(self, workers: Sequence[Worker]) -> Ring:
        ring = self._rings.get(id(workers))
        if ring is None or ring.workers is not workers:
            if len(self._rings) >= KEPT:
                self._rings.clear()
            ring = self._rings[id(workers)] = Ring(workers)
        return ring
