"""What a run tells while it goes on, to whoever streams it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.candidates import Candidate, Decision
    from app.workers.wire import RawChoice


class Observer(Protocol):
    """Told of a run's progress in the order of happening; the run waits for it, so a slow one slows the run down."""

    async def came_back(self, candidate: Candidate, *, back: int, draws: int) -> None:
        """Take note that `candidate` is back, the `back`-th of at most `draws`."""
        ...

    async def generated(self, choices: Sequence[RawChoice]) -> None:
        """Take in what was just generated for a live job; the choices' indices are those of their candidates."""
        ...

    async def decided(self, decision: Decision) -> None:
        """Take in the decision, as soon as it is certain."""
        ...


class Nobody:
    """An observer that doesn't look."""

    async def came_back(self, candidate: Candidate, *, back: int, draws: int) -> None:
        """Ignore it."""

    async def generated(self, choices: Sequence[RawChoice]) -> None:
        """Ignore it."""

    async def decided(self, decision: Decision) -> None:
        """Ignore it."""
