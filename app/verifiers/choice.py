"""The verifier `choice`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from app.answers.choice import Choice
from app.verifiers.base import PASS, Verifier, answer_of, failed, no_answer

if TYPE_CHECKING:
    from app.candidates import Candidate, Verdict
    from app.verifiers.base import VerifierTools


def _bare(label: str) -> str:
    """Return the label without the brackets and points around it; raise ValueError where nothing is left."""
    bare = label.strip(" \t\r\n()[]{}.:*")
    if not bare:
        raise ValueError("the label of a choice is empty")
    return bare


class ChoiceVerifier(Verifier):
    """Passes a candidate that picks the option `answer`: `B`, `b`, `(B)` and `B.` name the same one.

    The candidate's pick is the answer extracted from it if that is a choice, or else what the answer `choice` finds.
    """

    model_config = ConfigDict(coerce_numbers_to_str=True)

    example: ClassVar[dict[str, object]] = {"answer": "B"}

    type: Literal["choice"] = "choice"
    answer: Annotated[str, StringConstraints(max_length=100), AfterValidator(_bare)] = Field(
        description="The label of the right option, such as `B`."
    )

    async def verify(self, candidate: Candidate, tools: VerifierTools) -> Verdict:
        """Return whether the candidate picked the right option."""
        answer = await answer_of(candidate, "choice", tools.question, [Choice()])
        if answer is None:
            return no_answer()
        if _bare(answer.text).casefold() == self.answer.casefold():
            return PASS
        return failed("The option chosen is not the right one.")
