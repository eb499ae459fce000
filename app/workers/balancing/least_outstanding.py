"""Policy `least_outstanding`: the worker with the least to do, of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.workers.balancing.base import burden

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.workers.balancing.base import Draw
    from app.workers.worker import Worker


class LeastOutstanding:
    """The least burdened worker; its cost grows with the fleet, and several gateways tend to choose the same one."""

    def choose(self, workers: Sequence[Worker], draw: Draw) -> Worker:
        """Return the least burdened; of several alike, the first."""
        return min(workers, key=lambda worker: burden(worker, draw))
