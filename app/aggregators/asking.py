"""What the aggregators that ask a model share: whom they ask and how, and the vote for where that gives nothing."""

from __future__ import annotations

from abc import abstractmethod
from random import Random
from typing import TYPE_CHECKING, ClassVar

import structlog
from msgspec.structs import replace
from pydantic import Field

from app.aggregators.base import by_index
from app.aggregators.voting import Voting
from app.candidates import Usage
from app.errors import QuorumError
from app.inquiry import Expense, Inquiry
from app.judging.exhibits import response_of, response_tokens
from app.tokens import TEMPLATE_TOKENS, prompt_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.aggregators.base import AggregatorTools
    from app.candidates import Candidate, Decision, Message
    from app.inquiry import Models
    from app.tally import Tally


class Asking(Voting):
    """Asks a model about the candidates that a vote would count; by itself, and wherever the model fails, it votes."""

    asks: ClassVar[bool] = True

    model: str | None = Field(
        default=None, min_length=1, max_length=500, description="The model that is asked; by default the request's own."
    )
    temperature: float = Field(strict=True, default=0.0, ge=0.0, le=2.0, description="Of the model that is asked.")
    max_response_bytes: int = Field(
        strict=True, default=8_000, ge=100, le=1_000_000, description="Of a longer candidate, the model sees the end."
    )

    def settled(self, pool: Sequence[Candidate], tally: Tally, waiting: Sequence[int]) -> bool:  # noqa: ARG002
        """Whatever comes may be what the model goes by, so nothing is settled while anything is to come."""
        return not waiting

    async def check(self, models: Models) -> None:
        """Make sure that the model is there. Raises `ModelNotFoundError` and `NoWorkerError`."""
        models.check(self.model)

    @abstractmethod
    async def consult(self, pool: Sequence[Candidate], tools: AggregatorTools) -> Decision:
        """Return the decision by what the model says, else the vote's."""

    async def choose(self, pool: Sequence[Candidate], tools: AggregatorTools) -> Decision:
        """Return the decision by what the model says; the vote's, too, where reading that breaks."""
        try:
            return await self.consult(pool, tools)
        except QuorumError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a model has written, the run has its candidates
            reason = f"it broke ({type(error).__name__})"
        structlog.get_logger(__name__).warning("aggregator_broke", aggregator=self.name, reason=reason)
        return self.voted(pool, reason)

    def inquiry(self, messages: Sequence[Message], max_tokens: int) -> Inquiry:
        """Return the question to the model."""
        return Inquiry(messages=messages, model=self.model, max_tokens=max_tokens, temperature=self.temperature)

    def shown(self, candidates: Sequence[Candidate]) -> list[str]:
        """Return the candidates as the model sees them: what they say, and nothing of where it comes from."""
        return [response_of(candidate, self.max_response_bytes) for candidate in candidates]

    def expense(
        self, frame: Sequence[Message], max_tokens: int, *, calls: int, prompt: int, responses: int, each: int
    ) -> Expense:
        """Return the most that so many calls cost.

        Each one's prompt holds the `frame`, the request's own messages of `prompt` tokens, and so many `responses`, of
        at most `each` tokens.
        """
        seen = TEMPLATE_TOKENS + prompt_tokens(frame) + responses * response_tokens(each, self.max_response_bytes)
        return Expense(
            calls=calls, usage=Usage(prompt=calls * (prompt + seen), completion=calls * max_tokens), model=self.model
        )

    def voted(self, pool: Sequence[Candidate], reason: str) -> Decision:
        """Return the vote's decision, with the reason for which it is the vote's."""
        return replace(self.decide(pool), fallback=f"{self.name}: {reason}; the vote decided")


def led_by(leaders: Sequence[Candidate], ranking: Sequence[Candidate]) -> list[Candidate]:
    """Return a ranking that begins with `leaders`, then has one of each other cluster, then everybody else."""
    ahead = list(leaders)
    rest: list[Candidate] = []
    led = {leader.index for leader in leaders}
    clusters = {leader.cluster for leader in leaders}
    for candidate in ranking:
        if candidate.index not in led:
            new = candidate.cluster is not None and candidate.cluster not in clusters
            (ahead if new else rest).append(candidate)
            clusters.add(candidate.cluster)
    return ahead + rest


def shuffled(pool: Sequence[Candidate], tools: AggregatorTools) -> list[Candidate]:
    """Return the pool in an order that depends on nothing but the request's seed and who is in the pool."""
    mixed = by_index(pool)
    Random(tools.seed).shuffle(mixed)  # noqa: S311 - an order that favours nobody is no secret
    return mixed
