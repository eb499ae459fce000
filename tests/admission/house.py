"""An admission with guests that come, stay until they are told to go, and leave."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from app.admission.admission import Admission
from app.admission.priority import Priority

if TYPE_CHECKING:
    from collections.abc import Mapping


class Workers:
    """So many units of each model; all models together have `whole`, or else their sum."""

    def __init__(self, units: Mapping[str, int], whole: int | None = None) -> None:
        self.units = dict(units)
        self.whole = whole

    def capacity(self, model: str | None = None) -> int:
        if model is not None:
            return self.units[model]
        return sum(self.units.values()) if self.whole is None else self.whole


class Notes:
    """A watcher that keeps what it is told."""

    def __init__(self) -> None:
        self.waiting: dict[str, int] = {}
        self.waits: list[tuple[str, str, float]] = []
        self.turned_away = 0

    def queue_is(self, model: str, waiting: int) -> None:
        self.waiting[model] = waiting

    def waited(self, model: str, priority: str, seconds: float) -> None:
        self.waits.append((model, priority, seconds))

    def rejected(self, model: str) -> None:
        assert model
        self.turned_away += 1


class Guest:
    """One request: where it stands is seen at its seat."""

    def __init__(
        self, admission: Admission, model: str, width: int, account: int, priority: Priority, size: int
    ) -> None:
        self.width = width
        self.error: Exception | None = None
        self.left = asyncio.Event()
        self.seat = admission.seat(
            model,
            width=width,
            account=account,
            priority=priority,
            deadline=asyncio.get_running_loop().time() + 60.0,
            measure=lambda: size,
        )

    @property
    def inside(self) -> bool:
        return self.seat.held > 0

    async def visit(self) -> None:
        try:
            async with self.seat:
                await self.left.wait()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test looks at it
            self.error = error


class House:
    """Lets guests in by an admission; a context that sends away those who are still there."""

    def __init__(self, workers: Workers, **rules: float | None) -> None:
        self.workers = workers
        self.notes = Notes()
        self.time = 0.0
        self.admission = Admission(workers, self.notes, clock=lambda: self.time, **rules)  # pyright: ignore[reportArgumentType] - its own keywords
        self.guests: list[Guest] = []
        self._tasks: dict[Guest, asyncio.Task[None]] = {}
        self._group = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        for task in self._tasks.values():
            task.cancel()
        await self._group.__aexit__(None, None, None)

    async def come(
        self, width: int = 1, account: int = 0, priority: Priority = Priority.NORMAL, model: str = "m", size: int = 0
    ) -> Guest:
        """Let a guest come, as far as it gets by itself."""
        guest = Guest(self.admission, model, width, account, priority, size)
        self.guests.append(guest)
        self._tasks[guest] = self._group.create_task(guest.visit())
        await settle()
        return guest

    async def go(self, guest: Guest) -> None:
        """Let a guest that is inside go."""
        guest.left.set()
        await settle()

    async def cancel(self, guest: Guest) -> None:
        """Let a guest give up, wherever it is."""
        self._tasks[guest].cancel()
        await settle()

    @property
    def inside(self) -> list[Guest]:
        return [guest for guest in self.guests if guest.inside]

    @property
    def held(self) -> int:
        return sum(guest.seat.held for guest in self.guests)

    def waits(self, guest: Guest) -> bool:
        return guest.seat in guest.seat.gate.line


async def settle() -> None:
    """Let everybody act that can."""
    for _ in range(6):
        await asyncio.sleep(0)
