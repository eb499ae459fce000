"""Fair shares between API keys that wait at the same level: start-time fair queueing."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from app.admission.waiter import Waiter

if TYPE_CHECKING:
    from collections.abc import Iterator

W = TypeVar("W", bound=Waiter)


class Flow(Generic[W]):
    """What waits for one key, first come first; `start` is the virtual time, in units, at which its next one begins."""

    __slots__ = ("start", "waiters")

    def __init__(self, start: int) -> None:
        self.start = start
        self.waiters: deque[W] = deque()


class FairLine(Generic[W]):
    """Requests in the order in which keys get equal shares of the units.

    Each key that waits has a virtual clock, which a request of its own advances by its width. The key whose clock is
    behind the others' is next, and among equals the one that has waited longest (start-time fair queueing: Goyal, Vin
    and Cheng, 1996). While two keys wait, what they have been let in with differs by one width of each at most. A key
    that comes anew starts at the clock of the last that was let in: nobody saves up for later. A request that leaves
    has cost its key nothing.

    Whoever is next stays next until it is let in or leaves: a wide one, for which units have to come together, is not
    overtaken by narrow ones, whatever keys they come with. `units` are what all who wait here want together.
    """

    def __init__(self) -> None:
        self.units = 0
        self._members: dict[W, None] = {}
        self._flows: dict[int, Flow[W]] = {}
        self._clock = 0
        self._next: W | None = None

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, waiter: W) -> bool:
        return waiter in self._members

    def __iter__(self) -> Iterator[W]:
        return iter(self._members)

    @property
    def oldest(self) -> W | None:
        """The one that joined first; None where nobody waits."""
        return next(iter(self._members), None)

    @property
    def next(self) -> W | None:
        """Whose turn it is; None where nobody waits."""
        if self._next is None:
            heads = [(flow.start, flow.waiters[0]) for flow in self._flows.values() if flow.waiters]
            self._next = min(heads, key=lambda head: (head[0], head[1].joined), default=(0, None))[1]
        return self._next

    def join(self, waiter: W) -> None:
        """Let a request wait behind the others of its key."""
        self._members[waiter] = None
        self.units += waiter.width
        flow = self._flows.setdefault(waiter.account, Flow(self._clock))
        if not flow.waiters:
            flow.start = max(flow.start, self._clock)
        flow.waiters.append(waiter)

    def leave(self, waiter: W) -> None:
        """Forget a request that no longer waits."""
        del self._members[waiter]
        self.units -= waiter.width
        self._flows[waiter.account].waiters.remove(waiter)
        if self._next is waiter:
            self._next = None
        if not self._members:
            self._flows.clear()
            self._clock = 0

    def let_in(self, waiter: W) -> None:
        """Take the next one out of the line, and put its width down to its key."""
        flow = self._flows[waiter.account]
        self._clock = flow.start
        flow.start += waiter.width
        self.leave(waiter)
