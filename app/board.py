"""The state of a run as its candidates come back: who is in, where the vote stands, what may still come."""

from __future__ import annotations

from bisect import insort
from typing import TYPE_CHECKING

from app.stopping.base import Progress
from app.stopping.small_space import asks_for_few, has_few_values
from app.stopping.watched import Watched
from app.strategies.history import History
from app.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.candidates import Ask, Candidate
    from app.job import Job


class Board:
    """The candidates that are `back`, those of them that `finished`, and those that were `accepted`.

    The first two are in the order of asking. The vote is that of the accepted ones, counted as they come; `strategy`
    is the job's. `stopped_by` names the rule that lets the run end now although more might come.
    """

    def __init__(self, job: Job, asked: Sequence[Ask]) -> None:
        self.back: list[Candidate] = []
        self.finished: list[Candidate] = []
        self.accepted: list[Candidate] = []
        self.strategy = job.strategy
        self._answers = job.answers
        self._asked = asked
        self._waiting = list(range(job.strategy.draws))
        self._tally = Tally()
        several = job.strategy.draws > 1  # a long question takes milliseconds to read
        self._few_values = job.strategy.answer.few_values or (several and asks_for_few(job.question))
        self.stopped_by: str | None = None
        self._rules = [Watched(rule) for rule in job.strategy.stop.alternatives]

    def add(self, candidate: Candidate) -> None:
        """Take in a candidate that is back and assessed."""
        insort(self.back, candidate, key=_index)
        self._waiting.remove(candidate.index)
        if candidate.finished:
            insort(self.finished, candidate, key=_index)
        if candidate.accepted:
            self.accepted.append(candidate)
            self._few_values |= candidate.answer is not None and has_few_values(candidate.answer)
            self.strategy.aggregator.cast(candidate, self._tally)
        self.stopped_by = self._judged(candidate)

    @property
    def history(self) -> History:
        """What the strategy decides by."""
        return History(asked=self._asked, done=self.back)

    @property
    def draws(self) -> int:
        """The most candidates that may come back."""
        return self.strategy.draws

    @property
    def undrawn(self) -> int:
        """How many candidates the strategy might have asked for beyond those it did."""
        return self.draws - len(self._asked)

    @property
    def broken_rules(self) -> Sequence[str]:
        """The types of the stop rules that broke, which then stop nothing any more."""
        return [watched.rule.name for watched in self._rules if watched.failure]

    @property
    def stop_failure(self) -> str | None:
        """What went wrong in each of them; one inside another rule is named."""
        return "; ".join(self._told(watched) for watched in self._rules if watched.failure) or None

    def _told(self, watched: Watched) -> str:
        inside = watched.rule is not self.strategy.stop
        return f"{watched.rule.name}: {watched.failure}" if inside else f"{watched.failure}"

    def _judged(self, candidate: Candidate) -> str | None:
        """Return the name of the first rule that lets the run end; all are told of the candidate.

        A rule vouches for the winner only, so a request for several answers is drawn to its end.
        """
        progress = Progress(
            latest=candidate,
            accepted=self.accepted,
            tally=self._tally,
            aggregator=self.strategy.aggregator,
            waiting=self._waiting,
            few_values=self._few_values,
        )
        names = [rule.judged(progress) for rule in self._rules]
        if not self._waiting or self._answers > 1 or len(self.finished) < self.strategy.min_candidates:
            return None
        return next((name for name in names if name), None)

    @property
    def pool(self) -> Sequence[Candidate]:
        """The candidates that the aggregator chooses among: the accepted or, without any, all that finished.

        Empty where fewer have finished than the strategy needs.
        """
        if len(self.finished) < self.strategy.min_candidates:
            return []
        return self.finished if self.strategy.aggregator.considers_failed else self.accepted or self.finished


def _index(candidate: Candidate) -> int:
    return candidate.index
