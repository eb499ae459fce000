"""The verifier `judge`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from app.candidates import Usage, Verdict
from app.inquiry import Expense, Inquiry
from app.judging import pairwise, pointwise
from app.judging.exhibits import conversation, response_of, response_tokens
from app.judging.replies import LENGTH, reason_of
from app.tokens import TEMPLATE_TOKENS, prompt_tokens
from app.verifiers.base import MAX_GOLD_CHARACTERS, Verifier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.candidates import Candidate, Message
    from app.inquiry import Said
    from app.verifiers.base import VerifierTools

ORDERS = 2


class JudgeVerifier(Verifier):
    """Lets a model judge each candidate (LLM-as-a-judge; Zheng et al., arXiv 2306.05685).

    `pointwise` asks for a score on a scale. `pairwise` asks which is better, the candidate or `reference`, once in
    either order: better in both scores 1, worse in both 0, anything else 0.5. A candidate passes from `pass_at` on,
    the score being taken to 0..1. A judge whose verdict can't be read abstains; one that can't be asked is an error.
    """

    example: ClassVar[dict[str, object]] = {"rubric": "Is every step of the reasoning correct?", "pass_at": 0.7}

    type: Literal["judge"] = "judge"
    model: str | None = Field(
        default=None, min_length=1, max_length=500, description="The model that judges; by default the request's own."
    )
    mode: Literal["pointwise", "pairwise"] = Field(
        default="pointwise", description="Whether it scores a candidate, or compares it with `reference`."
    )
    rubric: str | None = Field(
        default=None, min_length=1, max_length=MAX_GOLD_CHARACTERS, description="What counts; by default correctness."
    )
    reference: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_GOLD_CHARACTERS,
        description="A good response: `pairwise` compares with it, `pointwise` shows it to the judge.",
    )
    scale: int = Field(strict=True, default=10, ge=1, le=100, description="The best score of `pointwise`.")
    pass_at: float = Field(strict=True, default=0.5, ge=0.0, le=1.0, description="The lowest score, 0..1, that passes.")
    max_tokens: int = Field(strict=True, default=256, ge=1, le=32_768, description="Of each of the judge's answers.")
    temperature: float = Field(strict=True, default=0.0, ge=0.0, le=2.0, description="Of the model that is asked.")
    feedback: bool = Field(
        strict=True, default=False, description="Whether the reasons of `pointwise` become the verdict's feedback."
    )
    max_response_bytes: int = Field(
        strict=True, default=8_000, ge=100, le=1_000_000, description="Of a longer response, the judge sees the end."
    )

    @model_validator(mode="after")
    def _compared_with_something(self) -> Self:
        if self.mode == "pairwise" and self.reference is None:
            raise ValueError("mode 'pairwise' compares each candidate with `reference`: give one")
        if self.mode == "pairwise" and self.feedback:
            raise ValueError(
                "the reasons of mode 'pairwise' tell of `reference`, which no model may see: leave `feedback` out, "
                "or take mode 'pointwise'"
            )
        return self

    async def check(self, tools: VerifierTools) -> None:
        """Make sure that the judge is there. Raises `ModelNotFoundError` and `NoWorkerError`."""
        tools.models.check(self.model)

    def expenses(self, prompt_tokens: int, candidate_tokens: int) -> Sequence[Expense]:
        """Return the cost of one call, of two where both orders are asked for, each as long as it may be."""
        calls = ORDERS if self.mode == "pairwise" else 1
        prompt = prompt_tokens + self._frame_tokens + response_tokens(candidate_tokens, self.max_response_bytes)
        return [
            Expense(
                calls=calls,
                usage=Usage(prompt=calls * prompt, completion=calls * self.max_tokens),
                model=self.model,
            )
        ]

    async def verify(self, candidate: Candidate, tools: VerifierTools) -> Verdict:
        """Return the judge's verdict. Raises `InquiryError` where it couldn't be asked."""
        question = conversation(tools.question)
        response = response_of(candidate, self.max_response_bytes)
        if self.mode == "pairwise":
            return await self._compared(question, response, tools)
        said = await tools.models.ask(self._inquiry(self._score_prompt(question, response)))
        score = pointwise.read_score(said, self.scale)
        if score is None:
            return _unreadable([said])
        return self._verdict(score / self.scale, reason_of(said, pointwise.LABEL) if self.feedback else None)

    async def _compared(self, question: str, response: str, tools: VerifierTools) -> Verdict:
        """Return the verdict on a response beside the reference, by both orders."""
        comparison = await pairwise.compare(
            question,
            response,
            self.reference or "",
            rubric=self.rubric,
            ask=lambda messages: tools.models.ask(self._inquiry(messages)),
        )
        if comparison.points is None:
            return _unreadable([comparison.straight, comparison.reverse])
        return self._verdict(comparison.points)

    def _verdict(self, score: float, feedback: str | None = None) -> Verdict:
        return Verdict(status="pass" if score >= self.pass_at else "fail", score=score, feedback=feedback)

    def _inquiry(self, messages: Sequence[Message]) -> Inquiry:
        return Inquiry(messages=messages, model=self.model, max_tokens=self.max_tokens, temperature=self.temperature)

    def _score_prompt(self, question: str, response: str) -> list[Message]:
        return pointwise.score_prompt(
            question, response, scale=self.scale, rubric=self.rubric, reference=self.reference
        )

    @property
    def _frame_tokens(self) -> int:
        """What a prompt has besides the question and the response."""
        if self.mode == "pairwise":
            messages = pairwise.comparison_prompt("", "", self.reference or "", rubric=self.rubric)
        else:
            messages = self._score_prompt("", "")
        return TEMPLATE_TOKENS + prompt_tokens(messages)


def _unreadable(replies: Sequence[Said]) -> Verdict:
    """Return the abstention of a judge whose verdict can't be read, with a note on why that may be."""
    cut = any(said.finish_reason == LENGTH for said in replies)
    return Verdict(
        status="abstain",
        note="The judge's verdict could not be read" + (": max_tokens cut it off." if cut else "."),
    )
