"""What every verifier has in common: one candidate in, one verdict out."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

import msgspec

from app.candidates import Verdict
from app.parts import Part

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.answers.base import Extractor
    from app.answers.equivalence import Equivalence
    from app.candidates import Answer, AnswerKind, Candidate, Question
    from app.offload import Offload

MAX_GOLD_CHARACTERS = 10_000
"""The longest known answer that a request may bring along."""

PASS = Verdict(status="pass", score=1.0)


class VerifierTools(msgspec.Struct, frozen=True, kw_only=True):
    """What a verifier may use besides the candidate."""

    question: Question
    equivalence: Equivalence
    offload: Offload


class Verifier(Part):
    """Judges one candidate.

    A pass scores 1, a fail 0, an abstention nothing. The feedback of a fail is written for the model that failed: it
    says what is wrong and never what would be right. A verifier may raise; the panel makes that an `error`.
    """

    reads_json: ClassVar[bool] = False
    """Whether it judges the reply as a JSON document, which then is the answer, too."""

    @abstractmethod
    async def verify(self, candidate: Candidate, tools: VerifierTools) -> Verdict:
        """Return the verdict on `candidate`, which came to an end."""


def failed(feedback: str) -> Verdict:
    """Return a fail with a sentence for the model."""
    return Verdict(status="fail", score=0.0, feedback=feedback)


def no_answer() -> Verdict:
    """Return the fail of a candidate that gives no answer."""
    return failed("No final answer was found.")


async def answer_of(
    candidate: Candidate, kind: AnswerKind, question: Question, extractors: Iterable[Extractor]
) -> Answer | None:
    """Return the candidate's answer if it is of this kind, or else what the first of `extractors` finds that is."""
    if candidate.answer is not None and candidate.answer.kind == kind:
        return candidate.answer
    for extractor in extractors:
        if answer := await extractor.find(candidate.reply, question):
            return answer
    return None
