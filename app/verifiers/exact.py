"""The verifier `exact`."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, StringConstraints

from app.verifiers.base import MAX_GOLD_CHARACTERS, PASS, Verifier, failed, no_answer

if TYPE_CHECKING:
    from app.candidates import Candidate, Verdict
    from app.verifiers.base import VerifierTools


class ExactVerifier(Verifier):
    """Passes a candidate that says exactly what is expected.

    That is so if the answer extracted from it, or else its whole text, equals `answer`, where white space of any
    kind and length counts as one space, none at the ends, and, unless `ignore_case` is false, case doesn't matter.
    """

    model_config = ConfigDict(coerce_numbers_to_str=True)

    example: ClassVar[dict[str, object]] = {"answer": "12"}

    type: Literal["exact"] = "exact"
    answer: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_GOLD_CHARACTERS)] = (
        Field(description="The answer known to be right.")
    )
    ignore_case: bool = Field(default=True, description="Whether `Paris` and `PARIS` are the same.")

    async def verify(self, candidate: Candidate, tools: VerifierTools) -> Verdict:  # noqa: ARG002 - needs no tools
        """Return whether the candidate's answer or text is the one expected."""
        answer, text = candidate.answer, candidate.reply.text
        if answer is None and not text.strip():
            return no_answer()
        if (answer is not None and self._matches(answer.text)) or self._matches(text):
            return PASS
        return failed("The final answer is not correct.")

    def _matches(self, text: str) -> bool:
        """Whether the text is the expected one; no more words of a long text are looked at than that has."""
        expected = self.answer.split()
        words = text.split(maxsplit=len(expected))
        return len(words) == len(expected) and self._folded(words) == self._folded(expected)

    def _folded(self, words: list[str]) -> str:
        """Return the words one space apart, in one of the ways in which Unicode may write them."""
        text = unicodedata.normalize("NFC", " ".join(words))
        return text.casefold() if self.ignore_case else text
