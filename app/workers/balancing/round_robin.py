"""Policy `round_robin`: one worker after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from app.workers.balancing.base import Draw
    from app.workers.worker import Worker


class RoundRobin:
    """Each worker in turn, whatever it has to do: for fleets of equals, and to compare with."""

    def __init__(self) -> None:
        self._turn = 0

    def choose(self, workers: Sequence[Worker], draw: Draw, avoid: Collection[Worker] = ()) -> Worker | None:  # noqa: ARG002 - whatever is wanted
        """Return the next one that has room; where none has, the next one."""
        full = None
        for turn in range(self._turn + 1, self._turn + 1 + len(workers)):
            worker = workers[turn % len(workers)]
            if worker in avoid:
                continue
            if worker.has_room:
                self._turn = turn
                return worker
            full = full or worker
        self._turn += 1
        return full
