"""The pursuit of candidates on workers that may fail or be slow: until each has come to its end, or nobody can help."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Protocol

from app.candidates import Fate
from app.drawing import Attempt, Drawing
from app.errors import CandidateError, NoWorkerError, QuorumError, WorkerStatusError, WorkerUnreachableError
from app.hearing import Hearing
from app.workers.health import State
from app.workers.stragglers import Behind

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine, Sequence

    from app.bodies import Draft, Drafter, Member
    from app.job import Job
    from app.patience import Patience
    from app.stopwatch import Stopwatch
    from app.tab import Tab
    from app.workers.call import Watcher
    from app.workers.client import Client
    from app.workers.pool import Pool
    from app.workers.retries import Allowance
    from app.workers.worker import Worker


class Owner(Protocol):
    """For whom candidates are pursued: a run."""

    def start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None] | None:
        """Start work that ends with the run at the latest; None where that is about to end."""
        ...

    def spend(self, tokens: int) -> None:
        """Be told of tokens as they arrive."""
        ...

    async def finished(self, drawing: Drawing, attempt: Attempt) -> None:
        """Be given a candidate that has come to its end."""
        ...

    def failed(self, drawing: Drawing, attempt: Attempt | None, error: QuorumError) -> None:
        """Be given a candidate that has failed."""
        ...


class Pursuit:
    """Draws the candidates of one job.

    A call that fails is made anew on another worker, one that is far behind is made there, too; the first attempt that
    ends is the candidate, and the others are cancelled. While no worker is left they wait for one, with `patience`.
    `under_way` has the candidates by their index, `calls` counts the requests to workers, `busy` measures the time
    during which any of them was under way.
    """

    def __init__(
        self,
        job: Job,
        owner: Owner,
        *,
        drafter: Drafter,
        pool: Pool,
        client: Client,
        tab: Tab,
        busy: Stopwatch,
        patience: Patience,
        watcher: Watcher | None,
    ) -> None:
        self.under_way: dict[int, Drawing] = {}
        self.calls = 0
        self._job = job
        self._owner = owner
        self._drafter = drafter
        self._pool = pool
        self._client = client
        self._tab = tab
        self._busy = busy
        self._patience = patience
        self._hearing = Hearing(watcher, self.under_way) if watcher else None
        self._homes: dict[int, Worker] = {}
        self._home: Worker | None = None

    def begin(self, members: Sequence[Member]) -> None:
        """Hand candidates to workers, siblings to one, as far as it has room; those without a worker wait for one.

        A run stays with the worker that has read its prompt, and each of several chains with its own. A worker on trial
        is trusted with a single candidate.
        """
        for member in members:
            self.under_way.setdefault(member.index, Drawing(member=member))
        waiting = list(members)
        while waiting:
            home = self._home_of(waiting[0])
            together = list(takewhile(lambda member, home=home: self._home_of(member) is home, waiting))
            try:
                worker = self._pool.pick(self._job.model, self._drafter.draw(together), prefer=home)
            except NoWorkerError as error:
                self._owner.start(self._begin_later(waiting, error))
                return
            except QuorumError as error:
                self._fail(waiting, None, error)
                return
            room = max(0, worker.room) or len(together)  # where there is none, it waits in the worker's own queue
            taken = together[: 1 if worker.health.state is State.ON_TRIAL else room]
            self._pool.retries.deposit(len(taken))
            self._pool.hedges.deposit(len(taken))
            self._draw_from(worker, taken)
            waiting = waiting[len(taken) :]

    async def _begin_later(self, members: Sequence[Member], error: NoWorkerError) -> None:
        """Hand candidates out once a worker is back; where none is in time, they have failed."""
        if await self._patience.worker(self._drafter.draw(members)):
            self.begin(members)
        else:
            self._fail(members, None, error)

    def _home_of(self, member: Member) -> Worker | None:
        """Return the worker that has read the conversation of a candidate's chain, else the run's."""
        return self._homes.get(member.ask.chain, self._home)

    def cut_off(self, drawing: Drawing) -> Attempt | None:
        """Return the attempt that counts of a candidate that the run doesn't wait for; the others are given up."""
        counts, index = drawing.attempt, drawing.member.index
        for rival in drawing.attempts:
            if rival is not counts and rival.position(index) not in rival.unwanted:
                self._tab.give_up(rival, drawing.member, Fate.CANCELLED)
        return counts

    def end(self) -> None:
        """Let go of the owner and of what was under way, which hold this in turn: their memory comes free at once."""
        self.under_way.clear()
        del self._owner

    def _draw_from(self, worker: Worker, members: Sequence[Member]) -> None:
        for draft in self._drafter.drafts(members, worker, self._tab.tokens_left):
            self._attempt(draft, worker)

    def _attempt(self, draft: Draft, worker: Worker) -> None:
        """Start one attempt at the candidates of a draft."""
        attempt = Attempt(
            draft,
            worker,
            model=self._job.model,
            completed=self._completed,
            spent=self._owner.spend,
            behind=self._fell_behind,
            watcher=self._hearing.of if self._hearing else None,
        )
        self.calls += 1
        for member in draft.members:
            self.under_way[member.index].begin(attempt)
        attempt.weigh(self._drafter.tokens(draft.members[0]))

        def ended(_: object) -> None:  # not in the task itself, which may be cancelled before it begins
            attempt.task = None  # one that was cancelled holds the attempt in turn, by its error's traceback
            attempt.lift()
            for position in attempt.unwanted:
                self._tab.give_up(attempt, draft.members[position], Fate.CANCELLED)

        attempt.task = self._owner.start(self._carry_out(attempt))
        if attempt.task is None:
            ended(None)
        else:
            attempt.task.add_done_callback(ended)

    async def _carry_out(self, attempt: Attempt) -> None:
        """Make one call; what is still open when it fails is tried elsewhere, or has failed of the same cause."""
        call, error = attempt.call, None
        self._busy.start()
        self._pool.stragglers.follow(attempt)
        try:
            await call.run(self._client, attempt.worker.completions_url, attempt.draft.body)
        except CandidateError as failure:
            error = failure
        finally:
            attempt.lift()  # before the next round looks for a worker
            self._busy.stop()
            self._pool.stragglers.left(attempt, well=not call.open)
        self._note(attempt, error)
        if error is not None:
            self._go_on(attempt, error)
        for position in call.ended[1:]:
            self._completed(attempt, position)
        for position in call.ended[:1]:
            await self._settle(attempt, position)

    def _note(self, attempt: Attempt, error: CandidateError | None) -> None:
        """Let the pool know how a call went."""
        if error is None:
            if not attempt.slow:
                self._pool.served(attempt.worker)
        elif isinstance(error, WorkerUnreachableError):
            self._pool.lost(attempt.worker, error)
        else:
            self._pool.failed(attempt.worker, error)

    def _go_on(self, attempt: Attempt, error: CandidateError) -> None:
        """Try elsewhere, or later, what an attempt has not brought to its end; where that can't be, it has failed.

        One that a worker itself has answered, and not with a failure of its own, is not one of a worker that is down.
        """
        members = attempt.wanted
        elsewhere = self._elsewhere(attempt, members)
        left = self._move(attempt, members, elsewhere, error)
        answered = isinstance(error, WorkerStatusError) and not error.workers_fault
        later = [] if elsewhere or answered else [member for member in left if self._repeatable(member, error)]
        self._fail([member for member in left if member not in later], attempt, error)
        if later:
            self._owner.start(self._move_later(attempt, later, error))

    async def _move_later(self, attempt: Attempt, members: Sequence[Member], error: CandidateError) -> None:
        """Try again what an attempt drew on a worker that is down, once one is back; else it has failed as it had."""
        worker = await self._patience.worker(self._drafter.draw(members), lost=attempt.worker)
        self._fail(self._move(attempt, members, worker, error), attempt, error)

    def _move(
        self, attempt: Attempt, members: Sequence[Member], elsewhere: Worker | None, error: CandidateError
    ) -> Sequence[Member]:
        """Have another worker draw candidates of an attempt that failed; return those that nobody draws now."""
        again: list[Member] = []
        left: list[Member] = []
        for member in members:
            drawing = self.under_way[member.index]
            goes_on = drawing.goes_on(without=attempt)
            if not goes_on and elsewhere and self._renewed(attempt, member, error):
                drawing.attempts.remove(attempt)
                again.append(member)
            elif goes_on or len(drawing.attempts) > 1:
                drawing.attempts.remove(attempt)
                self._tab.give_up(attempt, member, Fate.FAILED)
            else:
                left.append(member)
        if elsewhere and again:
            self._draw_elsewhere(attempt, elsewhere, again)
        return left

    def _fail(self, members: Sequence[Member], attempt: Attempt | None, error: QuorumError) -> None:
        for member in members:
            self._owner.failed(self.under_way[member.index], attempt, error)

    def _renewed(self, attempt: Attempt, member: Member, error: CandidateError) -> bool:
        """Whether a candidate is asked for anew, in place of an attempt that failed; if so, room is set aside for it.

        It is not where the request's own budget is used up, either.
        """
        return self._repeatable(member, error) and self._tab.renew(attempt, member) and self._pool.retries.take()

    def _repeatable(self, member: Member, error: CandidateError) -> bool:
        """Whether a candidate may be asked for anew after an attempt has failed.

        Not where the request itself is at fault, where the client has read of the candidate, where it was drawn often
        enough, and where the pool's allowance is used up.
        """
        refused = isinstance(error, WorkerStatusError) and not error.others_may_serve
        return not refused and self.under_way[member.index].may_be_drawn_again and self._pool.retries.left > 0

    def _fell_behind(self, attempt: Attempt, why: Behind) -> bool:
        """Ask another worker, too, for what an attempt draws so slowly; return whether nothing more can come of it."""
        drawings = [self.under_way[member.index] for member in attempt.wanted]
        repeatable = [drawing for drawing in drawings if drawing.may_be_drawn_again]
        if not repeatable:
            return True
        lost = why is Behind.OUT_OF_SERVICE
        alone = [one for one in repeatable if (lost or not one.hedged) and not one.goes_on(without=attempt)]
        self._hedge(attempt, [drawing.member for drawing in alone], self._pool.retries if lost else self._pool.hedges)
        return False

    def _hedge(self, attempt: Attempt, members: Sequence[Member], allowance: Allowance) -> None:
        """Draw candidates on another worker beside an attempt, where there is one and nobody's budget is used up."""
        elsewhere = self._elsewhere(attempt, members)
        if elsewhere is None or not elsewhere.reachable:
            return
        hedged = [member for member in members[: allowance.left] if self._tab.reserve_again(member)]
        allowance.take(len(hedged))
        for member in hedged:
            self.under_way[member.index].hedged = True
        if hedged:
            self._draw_elsewhere(attempt, elsewhere, hedged)

    def _elsewhere(self, attempt: Attempt, members: Sequence[Member]) -> Worker | None:
        """Return another worker for what an attempt draws, if there is any: one that hasn't been tried yet, if any."""
        if not members:
            return None
        drawings = [self.under_way[member.index] for member in members]
        tried = {worker for drawing in drawings for worker in drawing.tried}
        at_it = {attempt.worker} | {one.worker for drawing in drawings for one in drawing.attempts}
        draw = self._drafter.draw(members)
        return self._pool.another(self._job.model, draw, avoid=tried) or self._pool.another(
            self._job.model, draw, avoid=at_it
        )

    def _draw_elsewhere(self, attempt: Attempt, worker: Worker, members: Sequence[Member]) -> None:
        """Hand candidates of an attempt to another worker as far as it has room, and the rest to further ones."""
        room = max(0, worker.room) or len(members)
        self._draw_from(worker, members[:room])
        if rest := members[room:]:
            self._draw_elsewhere(attempt, self._elsewhere(attempt, rest) or worker, rest)

    def _completed(self, attempt: Attempt, position: int) -> None:
        self._owner.start(self._settle(attempt, position))

    async def _settle(self, attempt: Attempt, position: int) -> None:
        """Hand a candidate out that has come to its end; whoever else draws it may stop."""
        drawing = self.under_way.get(attempt.draft.members[position].index)
        if drawing is None or drawing.winner or position in attempt.unwanted:
            return
        drawing.winner = attempt
        self._homes[drawing.member.ask.chain] = self._home = attempt.worker
        drawing.keep_only(attempt)
        await self._owner.finished(drawing, attempt)
