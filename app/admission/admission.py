"""Lets requests in where there is room for all that they may have in flight at once, and has the others wait."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

from app.admission.gate import Gate
from app.admission.priority import Priority
from app.admission.seat import Seat
from app.admission.whole import Whole
from app.errors import DeadlineExceededError, NoWorkerError, OverloadedError, StoppingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.admission.watcher import Watcher
    from app.errors import QuorumError

LOOK_S = 1.0
"""Seconds after which it is asked again how many units there are, while somebody waits or comes."""

RETRY_S = 5


class Capacity(Protocol):
    """How many candidates may be in flight at once."""

    def capacity(self, model: str | None = None) -> int:
        """Return how many the workers that can serve `model` may draw at once; None: all workers, of all models."""
        ...


class Admission:
    """Admits requests, one unit for each candidate that they may have in flight at once.

    - A request is let in as a whole or not at all: two that were half let in could wait for each other for ever.
    - One that is wider than all there is runs alone (`Gate.fits`).
    - Whose turn it is says the model's `Line`: by priority and, within it, fairly between API keys. Nobody overtakes
      the one whose turn it is; units that come free are kept for it until it fits.
    - `max_in_flight` bounds all models' units together, None: the workers themselves do (`Whole`). Where that keeps
      the next one out, nobody else comes in, whatever the model.
    - At most `max_waiting` wait for a model, each `max_wait_s` at most, None: until its deadline. Those of all models
      together take up `max_waiting_bytes` at most.
    - While no worker is left that serves a model, requests wait for it for `no_worker_wait_s`, as one may come back.

    Nothing here waits, or yields to other tasks, where there is room.
    """

    def __init__(
        self,
        workers: Capacity,
        watcher: Watcher,
        *,
        max_in_flight: int | None = None,
        max_waiting: int = 1_024,
        max_waiting_bytes: int = 256 * 1_024 * 1_024,
        max_wait_s: float | None = None,
        no_worker_wait_s: float = 5.0,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self._workers = workers
        self._watcher = watcher
        self._max_waiting = max_waiting
        self._max_waiting_bytes = max_waiting_bytes
        self._waiting_bytes = 0
        self._max_wait_s = max_wait_s
        self._no_worker_wait_s = no_worker_wait_s
        self._clock = clock
        self._whole = Whole(max_in_flight)
        self._gates: dict[str, Gate[Seat]] = {}
        self._crowded: dict[Gate[Seat], None] = {}
        self._keeping = False
        self._closed = False
        self._alarm: asyncio.TimerHandle | None = None

    def seat(
        self,
        model: str,
        *,
        width: int,
        account: int = 0,
        priority: Priority = Priority.NORMAL,
        deadline: float,
        measure: Callable[[], int] = int,
    ) -> Seat:
        """Return a seat for `width` candidates of `model`, to be entered; `deadline` is in the event loop's time.

        `measure` is called where the request has to wait: for the bytes that it takes up meanwhile.

        Entering it raises `OverloadedError` where too many wait, or it has taken longer than it may;
        `DeadlineExceededError`; `NoWorkerError` where those that could serve went away; `StoppingError` where the
        server is ending.
        """
        gate = self._gates.get(model)
        if gate is None:
            gate = self._gates[model] = Gate[Seat](model, self._clock())
        return Seat(self, gate, width=width, account=account, priority=priority, deadline=deadline, measure=measure)

    async def enter(self, seat: Seat) -> None:
        """Return once the seat holds its units, at once where there is room."""
        now = self._clock()
        if self._has_room(seat, now):
            self._take(seat, now)
        else:
            await self._wait(seat, now)
        self._watcher.waited(seat.gate.model, seat.priority.word, seat.waited_s)

    def take_back(self, seat: Seat, units: int) -> None:
        """Take units back from a seat, and let in whom they are enough for."""
        now = self._clock()
        seat.held -= units
        seat.gate.take_back(units, now)
        self._serve(now)

    def look(self) -> None:
        """Look how many units there are now: to be called when workers came or went; done by itself once a second."""
        now = self._clock()
        for gate in self._gates.values():
            self._count(gate, now)
        for gate in list(self._crowded):
            if gate.dry_since is not None:
                self._give_up(gate, gate.dry_since, now)
        self._serve(now)

    @property
    def closed(self) -> bool:
        """Whether nobody is let in any more who would have to wait."""
        return self._closed

    def close(self) -> None:
        """Turn away all that wait, and from now on all that would have to."""
        self._closed = True
        for gate in list(self._crowded):
            for seat in list(gate.line):
                self._dismiss(seat, StoppingError())

    def _has_room(self, seat: Seat, now: float) -> bool:
        """Whether a request that comes now is let in at once: it fits, and there's nobody that it would overtake."""
        gate = seat.gate
        if now - gate.counted >= LOOK_S or not self._fits(seat):
            self._count(gate, now)
        return not self._keeping and gate not in self._crowded and self._fits(seat)

    def _fits(self, seat: Seat) -> bool:
        return seat.gate.fits(seat.width) and self._fits_whole(seat)

    def _fits_whole(self, seat: Seat) -> bool:
        return self._whole.fits(seat.width, seat.gate, self._gates.values())

    def _count(self, gate: Gate[Seat], now: float) -> None:
        """Ask how many units there are."""
        gate.count(self._workers.capacity(gate.model), now)
        self._whole.capacity = self._workers.capacity()

    def _take(self, seat: Seat, now: float) -> None:
        seat.held = seat.width
        seat.gate.take(seat.width, now)

    async def _wait(self, seat: Seat, now: float) -> None:
        """Wait in the line; whatever ends the wait, nothing is left of it but, where it was its turn, the units."""
        self._check_bounds(seat, now)
        seat.since = seat.joined = now
        seat.turn = asyncio.get_running_loop().create_future()
        self._join(seat)
        try:
            await self._turn_of(seat, seat.turn)
        except BaseException:
            seat.shrink(0)
            if seat in seat.gate.line:
                self._leave(seat)
                self._serve(self._clock())
            self._watcher.waited(seat.gate.model, seat.priority.word, self._clock() - now)
            raise
        seat.waited_s = self._clock() - now

    def _check_bounds(self, seat: Seat, now: float) -> None:
        """Raise where a request may not even wait."""
        if self._closed:
            raise StoppingError
        gate = seat.gate
        if len(gate.line) >= self._max_waiting:
            raise self._overload(seat, f"{len(gate.line)} requests wait for model {gate.model!r}, as many as may", now)
        seat.size = seat.measure()
        if seat.size > self._max_waiting_bytes:
            problem = f"the request, of {seat.size} bytes, can't wait, as at most {self._max_waiting_bytes} may"
            raise self._overload(seat, problem, now, "send a smaller one, or raise admission.max_waiting_bytes")
        if self._waiting_bytes + seat.size > self._max_waiting_bytes:
            raise self._overload(
                seat, f"those that wait take up {self._waiting_bytes} bytes: no room for {seat.size}", now
            )

    async def _turn_of(self, seat: Seat, turn: asyncio.Future[QuorumError | None]) -> None:
        """Wait for a seat's turn, as long as it may. Raises why it doesn't come."""
        until, model = seat.deadline, seat.gate.model
        if self._max_wait_s is not None:
            until = min(until, asyncio.get_running_loop().time() + self._max_wait_s)
        try:
            async with asyncio.timeout_at(until):
                problem = await turn
        except TimeoutError:
            now = self._clock()
            waited = f"the request has waited for model {model!r} in the queue for {now - seat.since:.1f} s"
            if until < seat.deadline:
                raise self._overload(seat, f"{waited}, as long as it may", now) from None
            raise DeadlineExceededError(
                f"{waited}, and its time is up; raise budget.deadline_s", param="strategy.budget.deadline_s"
            ) from None
        if problem is not None:
            raise problem

    def _overload(self, seat: Seat, problem: str, now: float, hint: str = "") -> OverloadedError:
        """Count a request that is turned away, and return what it is told."""
        self._watcher.rejected(seat.gate.model)
        after = seat.gate.retry_after_s(seat, now)
        return OverloadedError(f"{problem}; {hint or f'try again in {after} s'}", retry_after_s=after)

    def _serve(self, now: float) -> None:
        """Let in whose turn it is, as far as there is room; among models, who has waited longest at a level first."""
        self._keeping = False
        for gate in self._crowded:
            self._count(gate, now)  # workers may have gone since, with the very units that come back
        nexts = {gate: seat for gate in self._crowded if (seat := gate.line.next(now))}
        while nexts:
            gate, seat = min(nexts.items(), key=lambda one: (one[1].level, one[1].since))
            del nexts[gate]
            if not gate.fits(seat.width):
                continue
            if not self._fits_whole(seat):
                self._keeping = True
                return
            self._let_in(seat, now)
            if following := gate.line.next(now):
                nexts[gate] = following

    def _let_in(self, seat: Seat, now: float) -> None:
        """Give a seat that waits its units; one that is just leaving gives them back by itself."""
        seat.gate.line.let_in(seat)
        self._left(seat)
        self._take(seat, now)
        _wake(seat, None)

    def _give_up(self, gate: Gate[Seat], dry_since: float, now: float) -> None:
        """Turn away those that have waited long enough for a worker to come back."""
        for seat in list(gate.line):
            if now - max(dry_since, seat.since) >= self._no_worker_wait_s:
                message = f"no worker can serve model {gate.model!r} any more; try again"
                self._dismiss(seat, NoWorkerError(message, retry_after_s=RETRY_S))

    def _dismiss(self, seat: Seat, problem: QuorumError) -> None:
        self._leave(seat)
        _wake(seat, problem)

    def _join(self, seat: Seat) -> None:
        seat.gate.line.join(seat)
        self._waiting_bytes += seat.size
        self._crowded[seat.gate] = None
        self._watcher.queue_is(seat.gate.model, len(seat.gate.line))
        self._set_alarm()

    def _leave(self, seat: Seat) -> None:
        seat.gate.line.leave(seat)
        self._left(seat)

    def _left(self, seat: Seat) -> None:
        """Note that one less waits."""
        gate = seat.gate
        self._waiting_bytes -= seat.size
        if not len(gate.line):
            del self._crowded[gate]
        self._watcher.queue_is(gate.model, len(gate.line))

    def _set_alarm(self) -> None:
        if self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(LOOK_S, self._on_alarm)

    def _on_alarm(self) -> None:
        self._alarm = None
        self.look()
        if self._crowded:
            self._set_alarm()


def _wake(seat: Seat, problem: QuorumError | None) -> None:
    """Tell a request how its wait has ended, unless it is on its way out already."""
    if seat.turn is not None and not seat.turn.done():
        seat.turn.set_result(problem)
