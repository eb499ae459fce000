"""The verifier `reward_model`."""

from __future__ import annotations

from math import exp, isfinite
from typing import TYPE_CHECKING, ClassVar, Literal, Self, TypeAlias, cast

import msgspec
from pydantic import Field, model_validator

from app.candidates import Usage, Verdict
from app.errors import InquiryError
from app.inquiry import Expense
from app.tokens import TEMPLATE_TOKENS, TOKENS_A_MESSAGE, prompt_tokens
from app.verifiers.base import Verifier

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.candidates import Candidate, Question
    from app.verifiers.base import VerifierTools

Values: TypeAlias = list[float | list[float]]
Api: TypeAlias = Literal["classify", "pooling", "score"]


class Row(msgspec.Struct):
    """What one text was given, by whichever of the three was asked."""

    probs: list[float] | None = None
    data: Values | float | None = None
    score: float | None = None


class Rows(msgspec.Struct):
    """The answer of `/classify`, `/pooling` and `/score`, for the one text that was sent."""

    data: list[Row]


class RewardModelVerifier(Verifier):
    """Scores a candidate by an outcome reward model that a worker serves (Cobbe et al., arXiv 2110.14168).

    `classify` and `pooling` are sent the conversation with the candidate's text as the assistant's turn, `score` the
    last question and that text as a pair; the paths and shapes are vLLM's. Of a list for every token, the last counts.
    Without `pass_at` it abstains from passing and failing, and its score is what `best_of` and `weighted` go by.
    """

    example: ClassVar[dict[str, object]] = {"model": "reward", "api": "classify", "pass_at": 0.5}

    type: Literal["reward_model"] = "reward_model"
    model: str = Field(min_length=1, max_length=512, description="Name of the reward model, as its worker serves it.")
    api: Api = Field(default="classify", description="How the worker is asked: `/classify`, `/pooling` or `/score`.")
    label: int | None = Field(
        default=None,
        ge=0,
        le=10_000,
        description="Which of several values for one text is the score, from 0; null where there is only one.",
    )
    activation: Literal["none", "sigmoid"] = Field(
        default="none",
        description="`sigmoid` asks the worker for the raw value and takes its sigmoid; `none` takes what comes.",
    )
    scale: tuple[float, float] = Field(
        default=(0.0, 1.0),
        description="The values that become 0 and 1, after the activation; beyond them a score is held there.",
    )
    pass_at: float | None = Field(
        strict=True,
        default=None,
        ge=0.0,
        le=1.0,
        description="Score that passes, 0..1; null only scores, and neither passes nor fails.",
    )

    @model_validator(mode="after")
    def _rises(self) -> Self:
        low, high = self.scale
        if not (isfinite(low) and isfinite(high) and low < high):
            raise ValueError("scale: the value that becomes 0 must be less than the one that becomes 1")
        return self

    @property
    def passes(self) -> bool:
        """Whether there is a score that passes."""
        return self.pass_at is not None

    async def check(self, tools: VerifierTools) -> None:
        """Make sure that a worker serves the reward model."""
        tools.models.check(self.model)

    def expenses(self, prompt_tokens: int, candidate_tokens: int) -> Sequence[Expense]:
        """Return one call, which reads everything and writes nothing."""
        usage = Usage(prompt=prompt_tokens + candidate_tokens + TEMPLATE_TOKENS)
        return [Expense(calls=1, usage=usage, model=self.model)]

    async def verify(self, candidate: Candidate, tools: VerifierTools) -> Verdict:
        """Return the verdict on the score. Raises `InquiryError` where the worker gives none."""
        answer = await self._answer(candidate, tools)
        score = self._score(self._value(answer))
        if self.pass_at is None:
            return Verdict(status="abstain", score=score)
        if score >= self.pass_at:
            return Verdict(status="pass", score=score)
        return Verdict(status="fail", score=score, feedback="This was judged to be not good enough.")

    async def _answer(self, candidate: Candidate, tools: VerifierTools) -> bytes:
        """Return what the worker answers; its errors say what was asked of it."""
        body, path = self._body(candidate, tools.question), f"/{self.api}"
        try:
            tokens = _read_tokens(candidate, tools.question)
            return await tools.models.post(self.model, path, body, prompt_tokens=tokens)
        except InquiryError as error:
            hint = " (a server that generates has no such path; vLLM serves it with --runner pooling)"
            raise InquiryError(f"{path}: {error.message}{hint if '404' in error.message else ''}") from error

    def _body(self, candidate: Candidate, question: Question) -> dict[str, object]:
        raw = {"use_activation": False} if self.activation == "sigmoid" else {}
        if self.api == "score":
            return {"text_1": question.text, "text_2": candidate.reply.text, **raw}
        return {"messages": [*question.messages, {"role": "assistant", "content": candidate.reply.text}], **raw}

    def _value(self, answer: bytes) -> float:
        """Return the value that counts of the worker's answer."""
        try:
            (row,) = msgspec.json.decode(answer, type=Rows).data
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
            raise InquiryError(f"what {self.model!r} answered is no score") from error
        given: Mapping[Api, object] = {"classify": row.probs, "pooling": row.data, "score": row.score}
        value = given[self.api]
        while isinstance(value, list):
            value = self._chosen(cast("Values", value))
        if not isinstance(value, float):
            raise InquiryError(f"what {self.model!r} answered is no score")
        return value

    def _chosen(self, values: Values) -> float | list[float]:
        """Return the one value of a list that counts, or, of a list for every token, the last token's."""
        if not values:
            raise InquiryError(f"{self.model!r} answered with no value at all")
        if isinstance(values[-1], list):
            return values[-1]
        if self.label is None and (len(values) == 1 or self.api == "pooling"):
            return values[-1]
        if self.label is None or self.label >= len(values):
            raise InquiryError(f"{self.model!r} gives {len(values)} values; `label` says which is the score, from 0")
        return values[self.label]

    def _score(self, value: float) -> float:
        """Return the value as a score in 0..1."""
        low, high = self.scale
        activated = _sigmoid(value) if self.activation == "sigmoid" else value
        return min(1.0, max(0.0, (activated - low) / (high - low)))


def _read_tokens(candidate: Candidate, question: Question) -> int:
    """Return a guess at what the model reads: the text has no more tokens than the candidate was generated with."""
    text = prompt_tokens([{"content": candidate.reply.text}])
    told = candidate.usage.completion
    own = min(text, TOKENS_A_MESSAGE + told) if told else text
    return TEMPLATE_TOKENS + prompt_tokens(question.messages) + own


def _sigmoid(value: float) -> float:
    return 1.0 / (1.0 + exp(-value)) if value >= 0 else exp(value) / (1.0 + exp(value))
