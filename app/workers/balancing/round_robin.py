"""Policy `round_robin`: one worker after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.workers.balancing.base import Draw
    from app.workers.worker import Worker


class RoundRobin:
    """Each worker in turn, whatever it has to do: for fleets of equals, and to compare with."""

    def __init__(self) -> None:
        self._turn = 0

    def choose(self, workers: Sequence[Worker], draw: Draw) -> Worker:  # noqa: ARG002 - whatever is wanted
        """Return the next one."""
        self._turn += 1
        return workers[self._turn % len(workers)]
