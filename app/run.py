"""The run context: through it, and `app.side_calls`, goes every model call of a request.

So each call is counted once, spends from one budget, and is cancelled with the request; the engine sets the deadline
around it. A run is an async context manager: leaving it ends whatever it started.
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING, Self

from msgspec.structs import replace

from app.bodies import Drafter
from app.drawing import Drawing
from app.patience import Patience
from app.pursuit import Pursuit
from app.tab import Tab

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence
    from types import TracebackType

    from app.bodies import Member
    from app.candidates import Ask, Candidate, Waste
    from app.drawing import Attempt
    from app.errors import QuorumError
    from app.job import Job
    from app.purse import Purse
    from app.stopwatch import Stopwatch
    from app.workers.call import Watcher
    from app.workers.client import Client
    from app.workers.pool import Pool


class Run:
    """Draws the candidates of one job.

    `deadline` is in the event loop's time; `expired` tells that it has passed, `overspent` that the budget is used up.

    `assess` is applied to every finished candidate, concurrently, before it comes out of `next`. `watcher` sees the
    text of a live job while it is generated. `first_back` is the time, by `perf_counter`, at which the first candidate
    came back, `busy` measures the time during which any call of the job's model was under way, `upstream` also that
    during which a worker for one was waited for, `pursuit` makes the calls. `to_come` is told whenever a candidate has
    ended how many may still be drawn, or be under way.
    """

    def __init__(
        self,
        job: Job,
        *,
        deadline: float,
        pool: Pool,
        client: Client,
        purse: Purse,
        assess: Callable[[Candidate, Ask], Awaitable[Candidate]],
        busy: Stopwatch,
        upstream: Stopwatch,
        watcher: Watcher | None = None,
        to_come: Callable[[int], None] | None = None,
    ) -> None:
        self.asked: list[Ask] = []
        self.busy = busy
        self.first_back: float | None = None
        self.expired = False
        self.overspent = False
        self._deadline = deadline
        self._alarm: asyncio.TimerHandle | None = None
        self._purse = purse
        self._assess = assess
        self._to_come = to_come
        self._left = job.strategy.draws
        self._drafter = Drafter(job)
        self._tab = Tab(purse)
        self.pursuit = Pursuit(
            job,
            self,
            drafter=self._drafter,
            pool=pool,
            client=client,
            tab=self._tab,
            busy=busy,
            patience=Patience(pool, job.model, upstream),
            watcher=watcher,
        )
        self._group = asyncio.TaskGroup()
        self._tasks: set[asyncio.Task[None]] = set()
        self._pending: deque[Member] = deque()
        self._back: asyncio.Queue[Candidate | None] = asyncio.Queue()
        self._stopping = False

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        self._alarm = asyncio.get_running_loop().call_at(self._deadline, self._expire)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        self._stopping = True
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        for task in self._tasks:
            task.cancel()
        try:
            return await self._group.__aexit__(kind, error, traceback)
        finally:
            self.pursuit.end()

    def draw(self, asks: Sequence[Ask]) -> None:
        """Ask for candidates; each gets the next number. They are drawn as far as the budget has room for them."""
        for ask in asks:
            self._pending.append(self._drafter.member(len(self.asked), ask))
            self.asked.append(ask)
        self._admit()

    async def next(self) -> Candidate | None:
        """Return the next candidate to come back, finished or failed; None when nothing more will come.

        That is so when everything is back, and when time or budget has run out.
        """
        if self._back.empty():
            self._admit()
        if self._back.empty() and not self.pursuit.under_way:
            return None
        return await self._back.get()

    def ready(self) -> Candidate | None:
        """Return a candidate that is already back, or None."""
        while not self._back.empty():
            if candidate := self._back.get_nowait():
                return candidate
        return None

    @property
    def wasted(self) -> Sequence[Waste]:
        """What attempts have cost that no candidate came of."""
        return self._tab.wasted

    @property
    def short_of_budget(self) -> bool:
        """Whether the budget kept candidates from being drawn, or cut them off."""
        return bool(self._pending) or self.overspent

    async def stop(self) -> list[Candidate]:
        """Cancel what is under way, on the workers too; return it as far as it got, in the order of asking."""
        self._stopping = True
        running = [task for task in self._tasks if not task.done()]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        cut = [self._as_far(one, self.pursuit.cut_off(one)) for one in self.pursuit.under_way.values()]
        for candidate in cut:
            self._tab.close(candidate, self.pursuit.under_way[candidate.index].member)
        cut += [Drawing(member=member).candidate(None) for member in self._pending]
        while candidate := self.ready():
            cut.append(candidate)
        return sorted(cut, key=lambda candidate: candidate.index)

    def _admit(self) -> None:
        """Start as many of the pending candidates as the budget has room for."""
        admitted: list[Member] = []
        while self._pending and self._tab.reserve(self._pending[0]):
            admitted.append(self._pending.popleft())
        if admitted:
            self.pursuit.begin(admitted)

    async def finished(self, drawing: Drawing, attempt: Attempt) -> None:
        """Assess a candidate that has come to its end and hand it out."""
        self._ended()
        self._deliver(await self._assess(drawing.candidate(attempt), drawing.member.ask))

    def failed(self, drawing: Drawing, attempt: Attempt | None, error: QuorumError) -> None:
        """Hand a candidate out that has failed of `error`."""
        self._ended()
        self._deliver(self._as_far(drawing, attempt, error))

    def _ended(self) -> None:
        """Tell that a candidate is no longer under way."""
        self._left -= 1
        if self._to_come is not None:
            self._to_come(self._left)

    def _as_far(self, drawing: Drawing, attempt: Attempt | None, error: QuorumError | None = None) -> Candidate:
        """Return a candidate that didn't come to its end."""
        candidate = drawing.candidate(attempt, error)
        return replace(candidate, usage=self._tab.told(candidate.usage, drawing.member))

    def _deliver(self, candidate: Candidate) -> None:
        if self.first_back is None:
            self.first_back = perf_counter()
        self._tab.close(candidate, self.pursuit.under_way.pop(candidate.index).member)
        self._back.put_nowait(candidate)

    def _expire(self) -> None:
        """Wake the engine up at the deadline."""
        self.expired = True
        self._back.put_nowait(None)

    def spend(self, tokens: int) -> None:
        """Note tokens as they arrive, and wake the engine up when they have used the budget up."""
        self._purse.spend(tokens)
        if self._purse.overdrawn and not self.overspent:
            self.overspent = True
            self._back.put_nowait(None)

    def start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None] | None:
        """Start work of the run; None where the run is about to end."""
        if self._stopping:
            work.close()
            return None
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
