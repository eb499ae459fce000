"""Stop rule `certified`: stop with a bound on the error, however often one looks."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from app.stopping.base import StopRule
from app.stopping.incomplete_beta import log_evidence
from app.stopping.terms import Misfit
from app.tally import Tally

if TYPE_CHECKING:
    from app.stopping.base import Judge, Progress
    from app.stopping.terms import Terms


class Certified(StopRule):
    """Ends a run when its leader is the model's most likely answer, wrongly so in at most a share `delta` of all runs.

    Of a run that it doesn't end it says nothing: that returns the vote of all, without a bound on the error.

    An anytime-valid certificate (cf. arXiv 2510.17472). For the r-th different answer to appear, with `a` votes after
    its first and `b` votes, all of them, for its strongest rival, the evidence is E = 2^(a+b+1) times the integral of
    t^a (1-t)^b over t from 1/2 to 1, and E >= r (r + 1) / delta certifies. Votes are taken in the order of asking: one
    that overtakes others waits until those are in or failed, so that what finishes first sways nothing. The run
    ends when the certified answer leads the whole vote, too.

    Why it holds: if the answer is no likelier than some rival, each vote for either multiplies the likelihood ratio
    2t or 2(1-t), t >= 1/2, by 1 or less on average, and E is the mean of these over t: a supermartingale that begins
    at 1 when the answer has appeared, so it ever reaches x with probability 1/x at most (Ville). The strongest
    rival's votes bound the evidence against every rival; over the answers the errors sum to delta, as the sum of
    1 / (r (r + 1)) is 1. Assumes independent samples of one distribution, so it takes no ladder of temperatures.
    """

    example: ClassVar[dict[str, object]] = {"delta": 0.1}

    type: Literal["certified"] = "certified"
    delta: float = Field(
        strict=True,
        default=0.05,
        gt=0.0,
        lt=0.5,
        description="Share of all runs that it may end with another answer than the likeliest, in (0, 0.5).",
    )

    def begin(self) -> Judge:
        """Return a judge that takes the votes in the order of asking."""
        certifier = _Certifier(self.delta)
        return lambda progress: self.name if certifier.certifies(progress) else None

    def misfit(self, terms: Terms) -> Misfit | None:
        """Return why the certificate would not hold, or can't be reached."""
        if misfit := terms.without_vote(self.name):
            return misfit
        if terms.aggregator.weighs:
            return Misfit(message="certified counts votes of equal weight: take the aggregator `majority`")
        if not terms.independent:
            return Misfit(
                message="certified needs independent samples of one distribution: take `parallel`, and one temperature"
            )
        if log_evidence(terms.alike - 1, 0) >= threshold(1, self.delta):
            return None
        return Misfit(
            path=("delta",),
            message=f"`delta` {self.delta} can't be reached with {terms.alike} candidates, even where all agree: "
            "raise it, or draw more",
        )


class _Certifier:
    """The certificate of one run; `_held` are votes that wait for earlier ones, `_rank` the order of appearance."""

    def __init__(self, delta: float) -> None:
        self._delta = delta
        self._held: dict[int, int | None] = {}
        self._next = 0
        self._tally = Tally()
        self._rank: dict[int, int] = {}
        self._certified: int | None = None

    def certifies(self, progress: Progress) -> bool:
        """Take in the latest candidate; return whether the leader of the whole vote is certified."""
        self._held[progress.latest.index] = progress.voter
        while self._next in self._held:
            cluster = self._held.pop(self._next)
            if cluster is not None:
                self._count(cluster)
            self._next += 1
        return self._certified is not None and self._certified == progress.tally.leader

    def _count(self, cluster: int) -> None:
        """Count a vote. Nothing but it can certify its cluster, and nothing but the leader can be certified."""
        rank = self._rank.setdefault(cluster, len(self._rank) + 1)
        self._tally.add(cluster, self._next, 1)
        if cluster != self._tally.leader:
            return
        lead, second = int(self._tally.lead), int(self._tally.second)
        if log_evidence(lead - 1, second) >= threshold(rank, self._delta):
            self._certified = cluster


def threshold(rank: int, delta: float) -> float:
    """Return the logarithm of the evidence that certifies the `rank`-th different answer."""
    return log(rank * (rank + 1) / delta)
