"""What every verifier has in common: one candidate in, one verdict out."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

import msgspec

from app.candidates import Verdict
from app.parts import Part

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from app.answers.base import Extractor
    from app.answers.equivalence import Equivalence
    from app.candidates import Answer, AnswerKind, Candidate, Question
    from app.inquiry import Expense, Models
    from app.offload import Offload
    from app.sandbox.base import Sandbox
    from app.webhooks.base import Webhooks

MAX_GOLD_CHARACTERS = 10_000
"""The longest known answer that a request may bring along."""

PASS = Verdict(status="pass", score=1.0)


class VerifierTools(msgspec.Struct, frozen=True, kw_only=True):
    """What a verifier may use besides the candidate.

    `models` are those that may be asked, `sandbox` runs programs that nobody trusts, `webhooks` ask services of the
    caller's. `until` is when the verifier must have ended, in the event loop's time: a moment before the run must.
    """

    run_id: str
    question: Question
    equivalence: Equivalence
    offload: Offload
    models: Models
    sandbox: Sandbox
    webhooks: Webhooks
    until: float


class Verifier(Part):
    """Judges one candidate.

    A pass scores 1, a fail 0, an abstention nothing. The feedback of a fail is written for the model that failed: it
    says what is wrong and never what would be right. A verifier may raise; the panel makes that an `error`.
    """

    reads_json: ClassVar[bool] = False
    """Whether it judges the reply as a JSON document, which then is the answer, too."""

    observes: ClassVar[bool] = False
    """Whether its verdicts bear `outputs`: what the candidate's program gave on test inputs."""

    @property
    def parts(self) -> Sequence[Verifier]:
        """The verifiers that it is made of; empty for all that judge by themselves."""
        return ()

    @property
    def passes(self) -> bool:
        """Whether it may pass a candidate at all; one that only scores abstains from that."""
        return True

    async def check(self, tools: VerifierTools) -> None:
        """Make sure that this server can do what the verifier needs, before anything is drawn.

        Raises one of `app.errors`, whose message says what the request or the operator should change.
        """

    def expenses(self, prompt_tokens: int, candidate_tokens: int) -> Sequence[Expense]:  # noqa: ARG002 - judges look
        """Return the most that judging one candidate costs in calls of models, by model.

        `prompt_tokens` is the length of the request's own messages, `candidate_tokens` that of the longest candidate.
        """
        return ()

    @abstractmethod
    async def verify(self, candidate: Candidate, tools: VerifierTools) -> Verdict:
        """Return the verdict on `candidate`, which came to an end."""


def every(verifiers: Iterable[Verifier]) -> Iterator[Verifier]:
    """Yield the verifiers and all that they are made of."""
    for verifier in verifiers:
        yield verifier
        yield from every(verifier.parts)


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
