"""What every aggregator has in common: it turns candidates into a decision."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

import msgspec

from app.candidates import Decision
from app.parts import Part
from app.tally import Tally, Weight

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from app.candidates import Candidate, Question
    from app.inquiry import Expense, Models


class AggregatorTools(msgspec.Struct, frozen=True, kw_only=True):
    """What an aggregator that asks models may use besides the candidates.

    `examine` finds the answer, verdict and cluster of a candidate that the aggregator has written, which is to be
    numbered `next_index` and to stand in `next_round`. `seed` is what everything random goes by. `fields` are
    those of the request that hold for such a candidate, too.
    """

    question: Question
    models: Models
    examine: Callable[[Candidate], Awaitable[Candidate]]
    next_index: int
    next_round: int
    seed: int
    fields: Mapping[str, object] = {}


class Aggregator(Part):
    """Chooses among candidates.

    A subclass says how much a candidate's vote weighs (`weight`) and, where it isn't the vote that decides, in which
    order it prefers candidates (`order`) and when that can't change any more (`settled`). All of these are pure, so
    the same candidates give the same decision in every order of arrival. One that needs a model overrides `choose`.
    """

    needs_outputs: ClassVar[bool] = False
    """Whether it is meaningless without a verifier that runs programs on test inputs."""

    asks: ClassVar[bool] = False
    """Whether it asks models: only one that does needs `check`, `expenses` and `choose`."""

    votes: ClassVar[bool] = False
    """Whether the vote decides: the answer is that of the cluster with the largest weight."""

    weighs: ClassVar[bool] = False
    """Whether one vote may weigh more than another."""

    considers_failed: ClassVar[bool] = False
    """Whether candidates that a verifier failed compete, too: for one that weighs the verdicts itself."""

    @property
    def needs_score(self) -> bool:
        """Whether it is meaningless without a verifier that scores."""
        return False

    @property
    def top_logprobs(self) -> int:
        """How many alternatives to each token it wants to see the log-probabilities of; 0 for none."""
        return 0

    @property
    def heaviest(self) -> Weight | None:
        """The most that one vote can weigh; None where nothing bounds it."""
        return 1

    def weight(self, candidate: Candidate) -> Weight:  # noqa: ARG002 - subclasses look at it
        """Return the weight of this candidate's vote, at least 0."""
        return 1

    def length(self, candidate: Candidate) -> int:  # noqa: ARG002 - subclasses look at it
        """Return how long the candidate is where ties go by length, else 0."""
        return 0

    @abstractmethod
    def order(self, pool: Sequence[Candidate], tally: Tally) -> tuple[list[Candidate], bool]:
        """Return the pool, best first, and whether only the tie rule made the first one the winner."""

    @abstractmethod
    def settled(self, pool: Sequence[Candidate], tally: Tally, waiting: Sequence[int]) -> bool:
        """Whether nothing that the candidates numbered `waiting` may turn out to be can change the winning answer."""

    async def check(self, models: Models) -> None:
        """Make sure that the models it asks are there, before anything is drawn. Raises one of `app.errors`."""

    def expenses(self, prompt_tokens: int, candidate_tokens: int, draws: int) -> Sequence[Expense]:  # noqa: ARG002
        """Return the most that one decision over `draws` candidates costs in calls of models, by model.

        `prompt_tokens` is the length of the request's own messages, `candidate_tokens` that of the longest candidate.
        """
        return ()

    @property
    def written_tokens(self) -> int:
        """The most tokens of the candidate that it writes itself, which is judged like others; 0 if it writes none."""
        return 0

    async def choose(self, pool: Sequence[Candidate], tools: AggregatorTools) -> Decision:  # noqa: ARG002 - some ask
        """Return the decision over `pool`, which must not be empty, by asking models if it `asks`, else by `decide`.

        Where they give no answer, something simpler decides, and the decision's `fallback` says so.
        """
        return self.decide(pool)

    def decide(self, pool: Sequence[Candidate]) -> Decision:
        """Return the decision over `pool`, which must not be empty."""
        tally = self.count(pool)
        ranking, tied = self.order(pool, tally)
        return self.decision(ranking, tally, tied=tied)

    def decision(self, ranking: Sequence[Candidate], tally: Tally, *, tied: bool) -> Decision:
        """Return the decision for the first of `ranking`, with what the vote says of it."""
        votes = {cluster: float(weight) for cluster, weight in tally.votes.items()}
        own = votes.pop(ranking[0].cluster, 0.0) if ranking[0].cluster is not None else 0.0
        return Decision(
            aggregator=self.name,
            ranking=tuple(ranking),
            votes=own,
            of=float(tally.total),
            margin=own - max(votes.values(), default=0.0),
            tied=tied,
        )

    def count(self, pool: Sequence[Candidate]) -> Tally:
        """Return the vote of `pool`; candidates without an answer don't vote."""
        tally = Tally()
        for candidate in pool:
            self.cast(candidate, tally)
        return tally

    def cast(self, candidate: Candidate, tally: Tally) -> None:
        """Add one candidate's vote to `tally`."""
        if candidate.cluster is not None:
            tally.add(candidate.cluster, candidate.index, self.weight(candidate), self.length(candidate))


def by_index(pool: Sequence[Candidate]) -> list[Candidate]:
    """Return the pool in the order in which its candidates were asked for."""
    return sorted(pool, key=lambda candidate: candidate.index)
