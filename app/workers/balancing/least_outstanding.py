"""Policy `least_outstanding`: the worker with the least to do, of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.workers.balancing.base import least_burdened

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from app.workers.balancing.base import Draw
    from app.workers.worker import Worker


class LeastOutstanding:
    """The least burdened worker; its cost grows with the fleet, and several gateways tend to choose the same one."""

    def choose(self, workers: Sequence[Worker], draw: Draw, avoid: Collection[Worker] = ()) -> Worker | None:
        """Return the least burdened; of several alike, the first."""
        return least_burdened(workers, draw, avoid)
