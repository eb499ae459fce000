"""What the lines know of a request that wants in."""

from __future__ import annotations

from app.admission.priority import Priority


class Waiter:
    """A request of `width` units, to be accounted to the API key number `account`; it was made at `since`, in seconds.

    `priority` is what it asked for. `level` is where it stands now, since `joined`: waiting raises it.
    """

    __slots__ = ("account", "joined", "level", "priority", "since", "width")

    def __init__(self, *, width: int, account: int = 0, priority: Priority = Priority.NORMAL, since: float) -> None:
        self.width = width
        self.account = account
        self.priority = self.level = priority
        self.since = self.joined = since
