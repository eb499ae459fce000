"""A seat: a request's place, waited for and then taken, with the units that it holds."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Protocol, Self

from app.admission.waiter import Waiter

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from app.admission.gate import Gate
    from app.admission.priority import Priority
    from app.errors import QuorumError


class Door(Protocol):
    """Where seats are taken and units are given back."""

    async def enter(self, seat: Seat) -> None:
        """Return once the seat holds its units, at once where there is room."""
        ...

    def take_back(self, seat: Seat, units: int) -> None:
        """Take so many units back from a seat."""
        ...


class Seat(Waiter):
    """Holds the units of one request while the context lasts: `held` of them, all at first, after `waited_s` seconds.

    `deadline` is in the event loop's time. Entering raises what `app.admission.admission` says. `turn` is there while
    the request waits, and then holds why it waited in vain, or None. `size` is what the request takes up while it
    waits, in bytes, which `measure` returns: it is 0 until then, as measuring takes time.
    """

    __slots__ = ("_door", "deadline", "gate", "held", "measure", "size", "turn", "waited_s")

    def __init__(
        self,
        door: Door,
        gate: Gate[Seat],
        *,
        width: int,
        account: int,
        priority: Priority,
        deadline: float,
        measure: Callable[[], int],
    ) -> None:
        super().__init__(width=width, account=account, priority=priority, since=perf_counter())
        self._door = door
        self.gate = gate
        self.deadline = deadline
        self.measure = measure
        self.size = 0
        self.held = 0
        self.waited_s = 0.0
        self.turn: asyncio.Future[QuorumError | None] | None = None

    async def __aenter__(self) -> Self:
        await self._door.enter(self)
        return self

    async def __aexit__(self, *_error: object) -> None:
        self.shrink(0)

    def shrink(self, to: int) -> None:
        """Give back all units but so many; others can have them from now on."""
        if to < self.held:
            self._door.take_back(self, self.held - to)
