"""The run context: through it, and `app.side_calls`, goes every model call of a request.

So each call is counted once, spends from one budget, and is cancelled with the request; the engine sets the deadline
around it. A run is an async context manager: leaving it ends whatever it started.
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING, Self
from zlib import crc32

from msgspec.structs import replace

from app.bodies import Drafter
from app.candidates import Fate, Usage, Waste
from app.drawing import Attempt, Drawing
from app.errors import CandidateError, QuorumError, WorkerStatusError, WorkerUnreachableError
from app.workers.balancing.base import Draw
from app.workers.health import State
from app.workers.stragglers import Behind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence
    from types import TracebackType

    from app.bodies import Draft, Member
    from app.candidates import Ask, Candidate
    from app.job import Job
    from app.purse import Purse
    from app.stopwatch import Stopwatch
    from app.workers.call import Watcher
    from app.workers.client import Client
    from app.workers.pool import Pool
    from app.workers.wire import RawChoice
    from app.workers.worker import Worker

MOST_MOVES = 2
"""Times that a candidate is asked for anew at most."""

USUAL_TOKENS = 512
"""How long a candidate is reckoned to be where nobody bounds it."""

PREFIX_BYTES = 1_024
"""How much of a conversation's JSON tells prefixes apart."""


class Run:
    """Draws the candidates of one job.

    `deadline` is in the event loop's time; `expired` tells that it has passed, `overspent` that the budget is used up.

    `assess` is applied to every finished candidate, concurrently, before it comes out of `next`. `watcher` sees the
    text of a live job while it is generated. `first_back` is the time, by `perf_counter`, at which the first candidate
    came back, `wasted` what attempts have cost that no candidate came of; `busy` measures the time during which any
    call of the job's model was under way. `to_come` is told whenever a candidate has ended how many may still be drawn,
    or be under way.
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
        self.wasted: list[Waste] = []
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
        self._homes: dict[int, Worker] = {}
        self._home: Worker | None = None
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
        cut = [self._cut_off(drawing) for drawing in self._drawing.values()]
        cut += [Drawing(member=member).candidate(None) for member in self._pending]
        while candidate := self.ready():
            cut.append(candidate)
        return sorted(cut, key=lambda candidate: candidate.index)

    def _cut_off(self, drawing: Drawing) -> Candidate:
        """Return a candidate that is under way when the run ends; what others have drawn of it is put down."""
        index = drawing.member.index
        counts = drawing.attempt
        for rival in drawing.attempts:
            if rival is not counts and rival.position(index) not in rival.unwanted:
                self._book(rival, drawing.member, Fate.CANCELLED)
        candidate = self._as_far(drawing, counts)
        self._purse.release(self._reserved[index], candidate.usage)
        return candidate

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
        """Hand candidates to workers, siblings to one, as far as it has room; those without a worker have failed.

        A run stays with the worker that has read its prompt. A worker on trial is trusted with a single candidate.
        """
        waiting = list(members)
        while waiting:
            first = waiting[0]
            draw = self._draw_of(waiting)
            try:
                worker = self._pool.pick(self._job.model, draw, prefer=self._homes.get(first.ask.chain, self._home))
            except QuorumError as error:
                for member in waiting:
                    self._drawing[member.index] = Drawing(member=member)
                    self._fail(self._drawing[member.index], None, error)
                return
            taken = 1 if worker.health.state is State.ON_TRIAL else max(1, worker.room)
            for member in waiting[:taken]:
                self._drawing[member.index] = Drawing(member=member)
            self._pool.retries.deposit(len(waiting[:taken]))
            self._pool.hedges.deposit(len(waiting[:taken]))
            self._draw_from(worker, waiting[:taken])
            waiting = waiting[taken:]

    def _draw_of(self, members: Sequence[Member]) -> Draw:
        beginning = bytes(memoryview(members[0].conversation.json)[:PREFIX_BYTES])
        return Draw(tokens=len(members) * self._tokens(members[0]), prefix=crc32(beginning))

    def _tokens(self, member: Member) -> int:
        """Return how many tokens a candidate may cost; a guess, for balancing."""
        return member.prompt_tokens + (self._job.max_tokens or USUAL_TOKENS)

    def _draw_from(self, worker: Worker, members: Sequence[Member]) -> None:
        for draft in self._drafter.drafts(members, worker, self._purse.tokens_left):
            self._begin(draft, worker)

    def _begin(self, draft: Draft, worker: Worker) -> None:
        """Start one attempt at the candidates of a draft."""
        attempt = Attempt(
            draft,
            worker,
            model=self._job.model,
            completed=self._completed,
            spent=self._spend,
            behind=self._fell_behind,
            watcher=self._watcher_of if self._watcher else None,
        )
        self.calls += 1
        for member in draft.members:
            self._drawing[member.index].attempts.append(attempt)
        count, tokens = len(draft.members), self._tokens(draft.members[0])
        worker.load.begin(count, tokens)
        attempt.task = self._start(self._carry_out(attempt))
        if attempt.task is None:
            worker.load.end(count, tokens)
        else:
            attempt.task.add_done_callback(lambda _: worker.load.end(count, tokens))

    async def _carry_out(self, attempt: Attempt) -> None:
        """Make one call; what is still open when it fails is tried elsewhere, or has failed of the same cause."""
        worker, call, error = attempt.worker, attempt.call, None
        self.busy.start()
        self._pool.stragglers.follow(attempt)
        try:
            await call.run(self._client, worker.completions_url, attempt.draft.body)
        except CandidateError as failure:
            error = failure
        finally:
            self.busy.stop()
            worker.health.trying = False
            self._pool.stragglers.left(attempt, well=not call.open)
            for position in attempt.unwanted:
                self._book(attempt, attempt.draft.members[position], Fate.CANCELLED)
        self._note(worker, error, slow=attempt.slow)
        if error is not None:
            self._move(attempt, error)
        ended = [attempt.draft.members[position].index for position in call.ended]
        for index in ended[1:]:
            self._completed_by(attempt, index)
        for index in ended[:1]:
            await self._settle(attempt, index)

    def _note(self, worker: Worker, error: CandidateError | None, *, slow: bool) -> None:
        """Let the pool know how a call of a worker went."""
        if error is None:
            if not slow:
                self._pool.served(worker)
        elif isinstance(error, WorkerUnreachableError):
            self._pool.lost(worker)
        else:
            self._pool.failed(worker, error)

    def _move(self, attempt: Attempt, error: CandidateError) -> None:
        """Try elsewhere what an attempt has not brought to its end; where that can't be, it has failed."""
        members = [attempt.draft.members[at] for at in sorted(attempt.call.open - attempt.unwanted)]
        again: list[Member] = []
        elsewhere = (
            self._pool.another(self._job.model, self._draw_of(members), than=attempt.worker) if members else None
        )
        for member in members:
            drawing = self._drawing[member.index]
            if len(drawing.attempts) > 1:  # the other one goes on
                drawing.attempts.remove(attempt)
                self._book(attempt, member, Fate.FAILED)
            elif elsewhere and self._may_move(drawing, attempt, error):
                drawing.attempts.remove(attempt)
                drawing.moves += 1
                again.append(member)
            else:
                self._fail(drawing, attempt, error)
        if elsewhere and again:
            self._draw_from(elsewhere, again)

    def _may_move(self, drawing: Drawing, attempt: Attempt, error: CandidateError) -> bool:
        """Whether a candidate may be asked for anew; if so, what it has cost so far is put down.

        That is so unless the request itself is at fault, the client has read of it, or a budget is used up: the pool's
        for retries, or the run's own.
        """
        refused = isinstance(error, WorkerStatusError) and not error.workers_fault
        if refused or drawing.heard or drawing.moves >= MOST_MOVES or self._stopping or not self._pool.retries.take():
            return False
        usage = self._told(attempt.completion(drawing.member.index).spent(), drawing.member)
        if not self._purse.renew(self._reserved[drawing.member.index], usage):
            return False
        self._waste(Fate.FAILED, usage)
        return True

    def _fell_behind(self, attempt: Attempt, why: Behind) -> bool:
        """Ask another worker, too, for what an attempt draws so slowly; return False where that may be done later."""
        members = [attempt.draft.members[at] for at in sorted(attempt.call.open - attempt.unwanted)]
        lost = why is Behind.OUT_OF_SERVICE
        members = [member for member in members if self._may_hedge(self._drawing[member.index], again=lost)]
        if not members or self._stopping:
            return True
        elsewhere = self._pool.another(self._job.model, self._draw_of(members), than=attempt.worker)
        allowance = self._pool.retries if lost else self._pool.hedges
        if elsewhere is None or not elsewhere.reachable or not allowance.take(len(members)):
            return False
        hedged = [member for member in members if self._purse.reserve(self._reserved[member.index])]
        for member in hedged:
            self._drawing[member.index].hedged = True
        if hedged:
            self._draw_from(elsewhere, hedged)
        return True

    @staticmethod
    def _may_hedge(drawing: Drawing, *, again: bool) -> bool:
        """Whether a candidate may be drawn a second time beside the first."""
        alone = len(drawing.attempts) == 1 and drawing.winner is None and drawing.heard is None
        return alone and (again or not drawing.hedged)

    def _completed(self, attempt: Attempt, position: int) -> None:
        self._completed_by(attempt, attempt.draft.members[position].index)

    def _completed_by(self, attempt: Attempt, index: int) -> None:
        self._start(self._settle(attempt, index))

    async def _settle(self, attempt: Attempt, index: int) -> None:
        """Assess a candidate that has come to its end and hand it out; whoever else draws it may stop."""
        drawing = self._drawing.get(index)
        if drawing is None or drawing.winner or attempt.position(index) in attempt.unwanted:
            return
        drawing.winner = attempt
        self._ended()
        self._homes[drawing.member.ask.chain] = self._home = attempt.worker
        for rival in drawing.attempts:
            if rival is not attempt:
                rival.unwant(index)
        self._deliver(await self._assess(drawing.candidate(attempt), drawing.member.ask))

    def _fail(self, drawing: Drawing, attempt: Attempt | None, error: QuorumError) -> None:
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
        return replace(candidate, usage=self._told(candidate.usage, drawing.member))

    def _told(self, usage: Usage, member: Member) -> Usage:
        """Return what a call that didn't come to its end has cost.

        Where the worker hadn't told the length of the prompt, and yet had read it, a sibling's count is its own; so it
        is with what came from the cache, which vLLM tells at the very end.
        """
        told = self._prompts.get(member.key)
        if told is None or not (usage.prompt or usage.completion):
            return usage
        return replace(usage, prompt=usage.prompt or told.prompt, cached=usage.cached or told.cached)

    def _book(self, attempt: Attempt, member: Member, fate: Fate) -> None:
        """Put down what an attempt has cost that no candidate came of."""
        usage = self._told(attempt.completion(member.index).spent(), member)
        self._purse.release(self._reserved[member.index], usage)
        self._waste(fate, usage)

    def _waste(self, fate: Fate, usage: Usage) -> None:
        if usage != Usage():
            self.wasted.append(Waste(fate=fate, usage=usage))

    def _deliver(self, candidate: Candidate) -> None:
        if self.first_back is None:
            self.first_back = perf_counter()
        member = self._drawing.pop(candidate.index).member
        self._purse.release(self._reserved[candidate.index], candidate.usage)
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

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None] | None:
        """Start work of the run; None where the run is about to end."""
        if self._stopping:
            work.close()
            return None
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _watcher_of(self, attempt: Attempt) -> Watcher:
        """Return a watcher that tells the run's own of candidates in place of choices.

        What an attempt says is handed on unless another one has been heard before; that one's words can't be taken
        back.
        """

        async def watch(choices: Sequence[RawChoice]) -> None:
            heard = [choice for choice in choices if self._hears(attempt, choice.index)]
            for choice in heard:
                choice.index = attempt.draft.members[choice.index].index
            if heard and self._watcher:
                await self._watcher(heard)

        return watch

    def _hears(self, attempt: Attempt, position: int) -> bool:
        """Whether the client is to be told what an attempt says; with its first words its rivals have lost."""
        index = attempt.draft.members[position].index
        drawing = self._drawing.get(index)
        if drawing is None or drawing.heard not in {None, attempt}:
            return False
        if drawing.heard is None and attempt.call.completions[position].tokens:
            drawing.heard = attempt
            for rival in drawing.attempts:
                if rival is not attempt:
                    rival.unwant(index)
            drawing.attempts = [attempt]  # nobody else goes on, should this one fail
        return True
