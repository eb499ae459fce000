"""Who is told what happens in the queues."""

from __future__ import annotations

from typing import Protocol


class Watcher(Protocol):
    """Is told what happens in the queues; in memory, at once."""

    def queue_is(self, model: str, waiting: int) -> None:
        """Note that so many requests wait for the model now."""
        ...

    def waited(self, model: str, priority: str, seconds: float) -> None:
        """Count a request that has waited so long, be it that it was let in or that it left."""
        ...

    def rejected(self, model: str) -> None:
        """Count a request that was turned away as too many wait, or as it has waited too long."""
        ...
