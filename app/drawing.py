"""A candidate while it is being drawn, in one attempt or several, and what it is once that has ended, well or not."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import msgspec

from app.candidates import Candidate, Failure, Reply, Usage
from app.errors import QuorumError, WorkerStatusError
from app.workers.call import Call
from app.workers.health import State

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from app.bodies import Draft, Member
    from app.workers.call import Watcher
    from app.workers.completion import Completion
    from app.workers.stragglers import Behind
    from app.workers.worker import Worker


MOST_DRAWS = 3
"""Times that a candidate is asked for at most: once, and twice more where that fails or is too slow."""


class Attempt:
    """One request to a worker, for one candidate or several siblings; `app.workers.stragglers` follows it.

    `unwanted` are the positions of those that have come to their end elsewhere. `slow`: it was far behind at some time.
    """

    def __init__(
        self,
        draft: Draft,
        worker: Worker,
        *,
        model: str,
        completed: Callable[[Attempt, int], None],
        spent: Callable[[int], None],
        behind: Callable[[Attempt, Behind], bool],
        watcher: Callable[[Attempt], Watcher] | None,
    ) -> None:
        self.draft = draft
        self.worker = worker
        self.model = model
        self.begun = perf_counter()
        self.unwanted: set[int] = set()
        self.slow = False
        self.task: asyncio.Task[None] | None = None
        self._weight: tuple[int, int] | None = None
        self._trial = worker.health.state is State.ON_TRIAL
        self._completed = completed
        self._spent = spent
        self._behind = behind
        self.call = Call(
            width=len(draft.members),
            completed=self._complete,
            spent=self._spend,
            watcher=watcher(self) if watcher else None,
        )

    def weigh(self, tokens: int) -> None:
        """Put its weight on its worker: candidates of so many tokens each."""
        self._weight = len(self.draft.members), tokens
        self.worker.load.begin(*self._weight)

    def lift(self) -> None:
        """Take its weight off its worker; nothing where that has been done."""
        if self._weight is not None:
            self.worker.load.end(*self._weight)
            if self._trial:
                self.worker.health.trying = False
            self._weight = None

    @property
    def prompt_tokens(self) -> int:
        """How long its prompt is, at most."""
        return self.draft.members[0].prompt_tokens

    @property
    def wanted(self) -> list[Member]:
        """The candidates that have not come to an end, here or elsewhere."""
        return [self.draft.members[at] for at in sorted(self.call.open - self.unwanted)]

    def position(self, index: int) -> int:
        """Return the position of the candidate `index` among those that it draws."""
        return next(at for at, member in enumerate(self.draft.members) if member.index == index)

    def completion(self, index: int) -> Completion:
        """Return what has come of the candidate `index` here."""
        return self.call.completions[self.position(index)]

    def unwant(self, index: int) -> None:
        """Note that a candidate has ended elsewhere; the request is cancelled when it draws none that is wanted."""
        self.unwanted.add(self.position(index))
        if self.task is not None and self.call.open <= self.unwanted:
            self.task.cancel()

    def fell_behind(self, why: Behind) -> bool:
        """Be told that it is far behind; return whether that is settled."""
        self.slow = True
        return self._behind(self, why)

    def _complete(self, position: int) -> None:
        self._completed(self, position)

    def _spend(self, tokens: int) -> None:
        self.worker.load.pieces += 1
        self._spent(tokens)


class Drawing(msgspec.Struct, kw_only=True):
    """A candidate that was asked for.

    `attempts` are under way, or the last has failed and is to be replaced once a worker is back; the first is told of
    where the run ends before any has. `winner` is the one that came to its end. `heard`: its text was handed on to the
    client, so that no other attempt can replace it. `tried` are the workers of all its attempts, of which there were
    `draws`; `hedged` tells that one was added as another was slow.
    """

    member: Member
    started: float = msgspec.field(default_factory=perf_counter)
    attempts: list[Attempt] = []
    winner: Attempt | None = None
    heard: Attempt | None = None
    tried: set[Worker] = set()
    draws: int = 0
    hedged: bool = False

    def begin(self, attempt: Attempt) -> None:
        """Note that it is drawn, once more."""
        self.attempts.append(attempt)
        self.tried.add(attempt.worker)
        self.draws += 1

    @property
    def attempt(self) -> Attempt | None:
        """The attempt that counts."""
        return self.winner or self.heard or (self.attempts[0] if self.attempts else None)

    @property
    def may_be_drawn_again(self) -> bool:
        """Whether another attempt could still replace those that there were."""
        return self.winner is None and self.heard is None and self.draws < MOST_DRAWS

    def goes_on(self, *, without: Attempt) -> bool:
        """Whether it is drawn well somewhere else, too."""
        return any(attempt is not without and not attempt.slow for attempt in self.attempts)

    def keep_only(self, attempt: Attempt) -> None:
        """Cancel all attempts but one."""
        for rival in self.attempts:
            if rival is not attempt:
                rival.unwant(self.member.index)
        self.attempts = [attempt]

    def candidate(self, attempt: Attempt | None, error: QuorumError | None = None) -> Candidate:
        """Return the candidate as far as `attempt` has got, or none has; with `error`, as failed of it."""
        completion = attempt.completion(self.member.index) if attempt else None
        return Candidate(
            index=self.member.index,
            round=self.member.ask.round,
            chain=self.member.ask.chain,
            worker=attempt.worker.id if attempt else None,
            reply=completion.reply() if completion else Reply(),
            finish_reason=completion.finish_reason if completion else None,
            usage=completion.spent() if completion else Usage(),
            latency_ms=(perf_counter() - self.started) * 1_000 if attempt else 0.0,
            logprobs=tuple(bytes(entry) for entry in completion.logprobs) if completion else (),
            failure=_failure(error) if error else None,
        )


def _failure(error: QuorumError) -> Failure:
    """Return an error as a value."""
    if isinstance(error, WorkerStatusError):
        return Failure(message=error.message, status=error.worker_status, code=error.worker_code, param=error.param)
    return Failure(message=error.message, status=error.status, code=error.code, param=error.param)
