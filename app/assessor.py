"""What is found out about a candidate once it has come back: its answer, verdict, likeness and cluster."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from app.candidates import Ask
from app.confidence import confidence_of, with_alternatives
from app.diversity.measure import copy_ratio_of, similarity_to_previous
from app.verifiers.panel import judge_all

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.answers.clusters import Clusters
    from app.candidates import Candidate, Question
    from app.diversity.embedding import Embedder
    from app.strategies.base import Strategy
    from app.verifiers.base import VerifierTools


class Assessor(msgspec.Struct, frozen=True, kw_only=True):
    """Assesses the candidates of one run.

    `alternatives` is how many the caller wants to see to each token. Where it is None, the caller wants no
    log-probabilities, and those that the aggregator asked for have served when the confidence is known.
    `examine` looks at each candidate by itself and runs for many at once; `place` puts it among those that are
    back already, and is called for one after the other.
    """

    strategy: Strategy
    question: Question
    tools: VerifierTools
    embedder: Embedder
    clusters: Clusters
    alternatives: int | None = None

    async def examine(self, candidate: Candidate, ask: Ask) -> Candidate:
        """Return the candidate with its answer, its verdict and how much it is like earlier ones."""
        candidate = replace(candidate, answer=await self.strategy.answer.find(candidate.reply, self.question))
        if candidate.logprobs and self.strategy.aggregator.top_logprobs:
            told, wanted = candidate.logprobs, self.alternatives
            kept = () if wanted is None else await with_alternatives(told, wanted)
            candidate = replace(candidate, confidence=await confidence_of(told), logprobs=kept)
        if self.strategy.verifiers:
            candidate = replace(candidate, verdict=await judge_all(self.strategy.verifiers, candidate, self.tools))
        if ask.previous:
            shown = self.strategy.context.shown_texts(ask)
            candidate = replace(
                candidate,
                similarity_to_previous=await similarity_to_previous(candidate, ask.previous, self.embedder),
                copy_ratio=await copy_ratio_of(candidate.reply.text, shown),
            )
        return candidate

    def compares(self, candidate: Candidate) -> bool:
        """Whether placing the candidate may take algebra."""
        return candidate.answer is not None and not self.clusters.knows(candidate.answer)

    async def take_written(self, candidate: Candidate, *, deadline: float) -> Candidate:
        """Return a candidate that an aggregator has written, examined and placed like any other.

        Where that lasts until the `deadline`, in the event loop's time, it doesn't count.
        """
        try:
            async with asyncio.timeout_at(deadline):
                return await self.place(await self.examine(candidate, Ask()), ())
        except TimeoutError:
            return replace(candidate, rejection="not examined in time")

    async def place(self, candidate: Candidate, earlier: Sequence[Candidate]) -> Candidate:
        """Return the candidate with its cluster and, where it doesn't count, the reason."""
        if not candidate.finished:
            return candidate
        if candidate.answer is not None:
            candidate = replace(candidate, cluster=await self.clusters.assign(candidate.answer))
        rejection = self.strategy.rejects(candidate, earlier)
        return replace(candidate, rejection=rejection) if rejection else candidate
