"""Aggregator `synthesis`: a model writes one answer from the candidates."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from msgspec.structs import replace
from pydantic import Field

from app.aggregators.asking import Asking, led_by, shuffled
from app.candidates import Candidate
from app.errors import InquiryError
from app.judging.replies import LENGTH
from app.judging.writing import synthesis_prompt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.aggregators.base import AggregatorTools
    from app.candidates import Decision
    from app.inquiry import Expense, Said


class Synthesis(Asking):
    """Writes one answer from the candidates, as the last layer of Mixture-of-Agents does (arXiv 2406.04692).

    One call shows a model up to `max_shown` candidates, best of the vote first to be in, without names and shuffled.
    What it writes is a candidate like the others, held to the caller's own fields, examined and verified; it is text,
    so tools aren't offered. It wins unless there is none, or it is empty,
    cut off by `max_tokens` or rejected: then the vote decides, `fallback` says why, and what was written stays listed.
    `votes` are those of the drawn candidates that give the same answer. One candidate alone is the answer.
    """

    example: ClassVar[dict[str, object]] = {"max_tokens": 256}

    type: Literal["synthesis"] = "synthesis"
    max_tokens: int = Field(strict=True, default=1_024, ge=1, le=131_072, description="Of the answer that is written.")
    max_shown: int = Field(
        strict=True, default=16, ge=2, le=256, description="Candidates that the model sees, different answers first."
    )

    @property
    def written_tokens(self) -> int:
        """The longest that the written answer may be."""
        return self.max_tokens

    def expenses(self, prompt_tokens: int, candidate_tokens: int, draws: int) -> Sequence[Expense]:
        """Return the cost of one call that shows as many candidates as it may."""
        shown = min(draws, self.max_shown)
        if shown < 2:  # noqa: PLR2004 - one is nothing to write from
            return ()
        frame = synthesis_prompt([{"role": "user", "content": ""}], [""] * shown)
        return [
            self.expense(frame, self.max_tokens, calls=1, prompt=prompt_tokens, responses=shown, each=candidate_tokens)
        ]

    async def consult(self, pool: Sequence[Candidate], tools: AggregatorTools) -> Decision:
        """Return the decision for what the model writes, else the vote's."""
        if len(pool) == 1:
            return self.decide(pool)
        tally = self.count(pool)
        ranking, _ = self.order(pool, tally)
        prompt = synthesis_prompt(tools.question.messages, self.shown(shuffled(ranking[: self.max_shown], tools)))
        try:
            said = await tools.models.ask(
                replace(self.inquiry(prompt, self.max_tokens), becomes_candidate=True, fields=tools.fields)
            )
        except InquiryError as error:
            return self.voted(pool, f"no answer was written: {error.message}")
        written = await self._examined(said, tools)
        if written.rejection:
            return replace(
                self.voted(pool, f"the written answer doesn't count: {written.rejection}"), synthesized=written
            )
        return replace(self.decision(led_by([written], ranking), tally, tied=False), synthesized=written)

    async def _examined(self, said: Said, tools: AggregatorTools) -> Candidate:
        """Return what was written as a candidate, with the reason where it doesn't count."""
        written = Candidate(
            index=tools.next_index,
            round=tools.next_round,
            model=self.model,
            worker=said.worker,
            reply=said.reply,
            finish_reason=said.finish_reason,
            usage=said.usage,
            latency_ms=said.latency_ms,
            synthesized=True,
        )
        if not said.reply.text.strip() and not said.reply.tool_calls:
            return replace(written, rejection="it is empty")
        if said.finish_reason == LENGTH:
            return replace(written, rejection="max_tokens cut it off")
        return await tools.examine(written)
