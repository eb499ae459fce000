"""The verifier `math`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, StringConstraints

from app.answers.boxed import Boxed
from app.answers.number import Number
from app.answers.reading.mathematics import math_answer
from app.verifiers.base import MAX_GOLD_CHARACTERS, PASS, Verifier, answer_of, failed, no_answer

if TYPE_CHECKING:
    from app.candidates import Candidate, Verdict
    from app.verifiers.base import VerifierTools


class MathVerifier(Verifier):
    r"""Passes a candidate whose answer is the same mathematics as `answer`: `0.5` is `1/2` is `\frac{1}{2}`.

    The candidate's answer is the one that was extracted from it if that is mathematical, or else what stands in its
    last `\boxed{}`, or else its last number. An `answer` that can't be read as mathematics is compared as text.
    """

    model_config = ConfigDict(coerce_numbers_to_str=True)

    example: ClassVar[dict[str, object]] = {"answer": "12"}

    type: Literal["math"] = "math"
    answer: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_GOLD_CHARACTERS)] = (
        Field(description="The answer known to be right, as LaTeX or plain text, such as `1/2`.")
    )

    async def verify(self, candidate: Candidate, tools: VerifierTools) -> Verdict:
        """Return whether the candidate's answer is equivalent to the one known to be right.

        Raises `UndecidedError` where that can't be told.
        """
        answer = await answer_of(candidate, "math", tools.question, [Boxed(), Number()])
        if answer is None:
            return no_answer()
        if await tools.equivalence.equivalent(answer, math_answer(self.answer, tools.question)):
            return PASS
        return failed("The final answer is not correct.")
