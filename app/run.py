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
from app.errors import CandidateError, QuorumError, WorkerStatusError, WorkerUnreachableError
from app.workers.call import Call

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence
    from types import TracebackType

    from app.bodies import Draft, Member
    from app.candidates import Ask, Candidate, Usage
    from app.job import Job
    from app.purse import Purse
    from app.stopwatch import Stopwatch
    from app.workers.call import Watcher
    from app.workers.client import Client
    from app.workers.pool import Pool
    from app.workers.wire import RawChoice
    from app.workers.worker import Worker


class Run:
    """Draws the candidates of one job.

    `deadline` is in the event loop's time; `expired` tells that it has passed, `overspent` that the budget is used up.

    `assess` is applied to every finished candidate, concurrently, before it comes out of `next`. `watcher` sees the
    text of a live job while it is generated. `first_back` is the time, by `perf_counter`, at which the first candidate
    came back, `busy` measures the time during which any call of the job's model was under way. `to_come` is told
    whenever a candidate has ended how many may still be drawn, or be under way.
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
        watcher: Watcher | None = None,
        to_come: Callable[[int], None] | None = None,
    ) -> None:
        self.asked: list[Ask] = []
        self.calls = 0
        self.busy = busy
        self.first_back: float | None = None
        self.expired = False
        self.overspent = False
        self._job = job
        self._deadline = deadline
        self._alarm: asyncio.TimerHandle | None = None
        self._pool = pool
        self._client = client
        self._purse = purse
        self._assess = assess
        self._watcher = watcher
        self._to_come = to_come
        self._left = job.strategy.draws
        self._drafter = Drafter(job)
        self._group = asyncio.TaskGroup()
        self._tasks: set[asyncio.Task[None]] = set()
        self._pending: deque[Member] = deque()
        self._drawing: dict[int, Drawing] = {}
        self._back: asyncio.Queue[Candidate | None] = asyncio.Queue()
        self._stopping = False
        self._moved: set[int] = set()
        self._prompts: dict[tuple[object, ...], Usage] = {}
        self._reserved: dict[int, int] = {}

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
        for task in self._tasks:
            task.cancel()
        return await self._group.__aexit__(kind, error, traceback)

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
        if self._back.empty() and not self._drawing:
            return None
        return await self._back.get()

    def ready(self) -> Candidate | None:
        """Return a candidate that is already back, or None."""
        while not self._back.empty():
            if candidate := self._back.get_nowait():
                return candidate
        return None

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
        for drawing in self._drawing.values():
            self._purse.release(self._reserved.pop(drawing.member.index), self._as_far(drawing).usage)
        never = [Drawing(member=member) for member in self._pending]
        cut = [self._as_far(drawing) for drawing in (*self._drawing.values(), *never)]
        while candidate := self.ready():
            cut.append(candidate)
        return sorted(cut, key=lambda candidate: candidate.index)

    def _admit(self) -> None:
        """Start as many of the pending candidates as the budget has room for."""
        admitted: list[Member] = []
        while self._pending and self._purse.reserve(prompt := self._prompt_tokens(self._pending[0])):
            admitted.append(self._pending.popleft())
            self._reserved[admitted[-1].index] = prompt
        if not admitted:
            return
        self._send(admitted)

    def _prompt_tokens(self, member: Member) -> int:
        """Return the length of a candidate's prompt: a sibling's count where there is one, else the guess."""
        told = self._prompts.get(member.key)
        return told.prompt if told else member.prompt_tokens

    def _send(self, members: Sequence[Member]) -> None:
        """Hand candidates to a worker; without any that can serve, they have failed."""
        try:
            worker = self._pool.pick(self._job.model)
        except QuorumError as error:
            for member in members:
                self._drawing[member.index] = Drawing(member=member)
                self._fail(member, error)
            return
        self._draw_from(worker, members)

    def _draw_from(self, worker: Worker, members: Sequence[Member]) -> None:
        for draft in self._drafter.drafts(members, worker, self._purse.tokens_left):
            self._start(self._carry_out(self._begin(draft, worker), draft, worker))

    def _begin(self, draft: Draft, worker: Worker) -> Call:
        """Set up the request of a draft and put its candidates down as being drawn."""

        def completed(position: int) -> None:
            self._start(self._settle(draft.members[position].index))

        watcher = _renumbered(self._watcher, draft) if self._watcher else None
        call = Call(width=len(draft.members), completed=completed, spent=self._spend, watcher=watcher)
        self.calls += 1
        for member, completion in zip(draft.members, call.completions, strict=True):
            self._drawing[member.index] = Drawing(member=member, worker=worker, completion=completion)
        return call

    async def _carry_out(self, call: Call, draft: Draft, worker: Worker) -> None:
        """Make one call; what is still open when it fails has failed of the same cause."""
        worker.in_flight += len(draft.members)
        self.busy.start()
        try:
            await call.run(self._client, worker.completions_url, draft.body)
        except WorkerUnreachableError as error:
            self._pool.lost(worker)
            self._move(draft.members, worker, error)
        except CandidateError as error:
            self._pool.failed(worker, error)
            unfinished = [draft.members[position] for position in sorted(call.open)]
            if isinstance(error, WorkerStatusError) and error.workers_fault and not call.tokens:
                self._move(unfinished, worker, error)
            else:
                for member in unfinished:
                    self._fail(member, error)
        finally:
            self.busy.stop()
            worker.in_flight -= len(draft.members)
        for position in call.ended[1:]:
            self._start(self._settle(draft.members[position].index))
        for position in call.ended[:1]:
            await self._settle(draft.members[position].index)

    def _move(self, members: Sequence[Member], worker: Worker, error: CandidateError) -> None:
        """Try once more, elsewhere, what its worker never began; where there is no elsewhere, it has failed."""
        elsewhere = self._pool.another(self._job.model, than=worker)
        again = [member for member in members if elsewhere and member.index not in self._moved]
        self._moved.update(member.index for member in members)
        for member in members:
            if member not in again:
                self._fail(member, error)
        if elsewhere and again:
            self._draw_from(elsewhere, again)

    async def _settle(self, index: int) -> None:
        """Assess a candidate that has come to its end and hand it out."""
        drawing = self._drawing[index]
        self._ended()
        self._deliver(await self._assess(drawing.candidate(), drawing.member.ask))

    def _fail(self, member: Member, error: QuorumError) -> None:
        """Hand a candidate out that has failed of `error`."""
        self._ended()
        self._deliver(self._as_far(self._drawing[member.index], error))

    def _ended(self) -> None:
        """Tell that a candidate is no longer under way."""
        self._left -= 1
        if self._to_come is not None:
            self._to_come(self._left)

    def _as_far(self, drawing: Drawing, error: QuorumError | None = None) -> Candidate:
        """Return a candidate that didn't come to its end.

        Where the worker hadn't told the length of the prompt, and yet had read it, a sibling's count is its own; so it
        is with what came from the cache, which vLLM tells at the very end.
        """
        candidate = drawing.candidate(error)
        usage, told = candidate.usage, self._prompts.get(drawing.member.key)
        if told is None or not (usage.prompt or usage.completion):
            return candidate
        return replace(
            candidate,
            usage=replace(usage, prompt=usage.prompt or told.prompt, cached=usage.cached or told.cached),
        )

    def _deliver(self, candidate: Candidate) -> None:
        if self.first_back is None:
            self.first_back = perf_counter()
        member = self._drawing.pop(candidate.index).member
        self._purse.release(self._reserved.pop(candidate.index), candidate.usage)
        if candidate.usage.prompt:
            self._prompts[member.key] = candidate.usage
        self._back.put_nowait(candidate)

    def _expire(self) -> None:
        """Wake the engine up at the deadline."""
        self.expired = True
        self._back.put_nowait(None)

    def _spend(self, tokens: int) -> None:
        """Note tokens as they arrive, and wake the engine up when they have used the budget up."""
        self._purse.spend(tokens)
        if self._purse.overdrawn and not self.overspent:
            self.overspent = True
            self._back.put_nowait(None)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        if self._stopping:
            work.close()
            return
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _renumbered(watcher: Watcher, draft: Draft) -> Watcher:
    """Return a watcher that tells `watcher` of candidates in place of choices."""

    async def watch(choices: Sequence[RawChoice]) -> None:
        for choice in choices:
            choice.index = draft.members[choice.index].index
        await watcher(choices)

    return watch
