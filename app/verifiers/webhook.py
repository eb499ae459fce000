"""The verifier `webhook`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import msgspec
from pydantic import AfterValidator, Field

from app.candidates import Verdict
from app.errors import WebhookError
from app.verifiers.base import Verifier
from app.webhooks.base import Delivery
from app.webhooks.target import MAX_URL, Target

if TYPE_CHECKING:
    from app.candidates import Candidate
    from app.verifiers.base import VerifierTools

MAX_FEEDBACK = 4_000
"""Characters of a webhook's feedback that are kept."""

USUAL_SCORES = {"pass": 1.0, "fail": 0.0, "abstain": None}

Score = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]


class Answered(msgspec.Struct):
    """What a webhook answers: a status, a score in 0..1, or both, and words for the model; the rest is ignored."""

    status: Literal["pass", "fail", "abstain"] | None = None
    score: Score | None = None
    feedback: str | None = None


def _readable(url: str) -> str:
    """Return the URL if it can be read in one way only; raise ValueError otherwise."""
    Target.of(url)
    return url


class WebhookVerifier(Verifier):
    """Lets a service of the caller's judge a candidate: `POST url`, signed, to a host that the operator allows.

    It is sent the candidate as JSON, and answers `{"status": "pass" | "fail" | "abstain", "score": 0..1,
    "feedback": "..."}`, of which the score and the feedback may be left out; or a score alone, which passes from
    `pass_at` on. A connection that fails, a 429 and a 5xx are tried again once; no answer in time, or one that is
    something else, is an error.
    """

    example: ClassVar[dict[str, object]] = {"url": "https://verify.example.com/check", "timeout_s": 10.0}

    type: Literal["webhook"] = "webhook"
    url: Annotated[str, AfterValidator(_readable)] = Field(
        min_length=1, max_length=MAX_URL, description="Address of the service, http or https."
    )
    timeout_s: float = Field(
        strict=True,
        default=10.0,
        gt=0.0,
        le=3_600.0,
        description="Seconds that each of at most two tries may take; the server's webhooks.timeout_s may be less.",
    )
    pass_at: float | None = Field(
        strict=True,
        default=None,
        ge=0.0,
        le=1.0,
        description="Score that passes, 0..1, where the service gives no status; null only scores then.",
    )
    include: tuple[Literal["messages", "thinking"], ...] = Field(
        default=("messages",), max_length=2, description="What is sent besides the candidate's text and answer."
    )

    async def check(self, tools: VerifierTools) -> None:
        """Make sure that the operator allows the host."""
        tools.webhooks.check(self.url)

    async def verify(self, candidate: Candidate, tools: VerifierTools) -> Verdict:
        """Return what the service says. Raises `WebhookError` where it says nothing that can be understood."""
        body = msgspec.json.encode(self._body(candidate, tools))
        delivery = Delivery(url=self.url, body=body, timeout_s=self.timeout_s, until=tools.until)
        try:
            said = msgspec.json.decode(await tools.webhooks.deliver(delivery), type=Answered)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise WebhookError("what the webhook answered is no verdict") from error
        return self._verdict(said)

    def _body(self, candidate: Candidate, tools: VerifierTools) -> dict[str, object]:
        answer, reply = candidate.answer, candidate.reply
        more = {"messages": tools.question.messages, "thinking": reply.thinking}
        return {
            "run": tools.run_id,
            "candidate": candidate.id,
            "text": reply.text,
            "answer": {"kind": answer.kind, "text": answer.text} if answer else None,
            "tool_calls": reply.tool_calls,
            **{name: more[name] for name in self.include},
        }

    def _verdict(self, said: Answered) -> Verdict:
        feedback = said.feedback[:MAX_FEEDBACK] if said.feedback else None
        if said.status:
            score = USUAL_SCORES[said.status] if said.score is None else said.score
            return Verdict(status=said.status, score=score, feedback=feedback)
        if said.score is None:
            raise WebhookError("the webhook answered with neither a status nor a score")
        if self.pass_at is None:
            return Verdict(status="abstain", score=said.score, feedback=feedback)
        return Verdict(status="pass" if said.score >= self.pass_at else "fail", score=said.score, feedback=feedback)
