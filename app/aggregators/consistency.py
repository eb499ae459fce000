"""Aggregator `consistency`: a model picks the response that most of the others agree with."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from app.aggregators.asking import Asking, led_by, shuffled
from app.errors import InquiryError
from app.judging.choosing import choice_prompt, read_choice
from app.judging.exhibits import conversation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.aggregators.base import AggregatorTools
    from app.candidates import Candidate, Decision
    from app.inquiry import Expense


class Consistency(Asking):
    """Universal self-consistency (Chen et al., arXiv 2311.17311): for answers that can't be told equal, as prose.

    One call shows a model up to `max_shown` of the candidates, without names and shuffled, and asks which one is the
    most consistent with the others. Where all have the same answer nothing is asked. Without a readable choice the
    vote decides, and `fallback` says so.
    """

    example: ClassVar[dict[str, object]] = {"max_tokens": 256}

    type: Literal["consistency"] = "consistency"
    max_tokens: int = Field(strict=True, default=256, ge=1, le=32_768, description="Of the model's answer.")
    max_shown: int = Field(
        strict=True, default=16, ge=2, le=256, description="Candidates that the model sees; of more, a random sample."
    )

    def expenses(self, prompt_tokens: int, candidate_tokens: int, draws: int) -> Sequence[Expense]:
        """Return the cost of one call that shows as many candidates as it may."""
        shown = min(draws, self.max_shown)
        if shown < 2:  # noqa: PLR2004 - one is no choice
            return ()
        frame = choice_prompt("", [""] * shown)
        return [
            self.expense(frame, self.max_tokens, calls=1, prompt=prompt_tokens, responses=shown, each=candidate_tokens)
        ]

    async def consult(self, pool: Sequence[Candidate], tools: AggregatorTools) -> Decision:
        """Return the decision for the candidate that the model picks, else the vote's."""
        if len(pool) == 1 or _agree(pool):
            return self.decide(pool)
        listed = shuffled(pool, tools)[: self.max_shown]
        prompt = choice_prompt(conversation(tools.question), self.shown(listed))
        try:
            said = await tools.models.ask(self.inquiry(prompt, self.max_tokens))
        except InquiryError as error:
            return self.voted(pool, f"the model gave no answer: {error.message}")
        number = read_choice(said, len(listed))
        if number is None:
            return self.voted(pool, "the model's choice could not be read")
        tally = self.count(pool)
        ranking, _ = self.order(pool, tally)
        return self.decision(led_by([listed[number - 1]], ranking), tally, tied=False)


def _agree(pool: Sequence[Candidate]) -> bool:
    """Whether all candidates give the same answer."""
    return pool[0].cluster is not None and all(candidate.cluster == pool[0].cluster for candidate in pool)
