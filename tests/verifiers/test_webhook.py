from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from app.candidates import Answer, Candidate, Question, Reply, ToolCall, Verdict
from app.errors import InvalidStrategyError, WebhookError
from app.verifiers.panel import judge_all
from app.verifiers.webhook import WebhookVerifier
from tests.tools import verifier_tools

if TYPE_CHECKING:
    import asyncio

    from app.webhooks.base import Delivery

URL = "https://verify.example.com/check"
CANDIDATE = Candidate(
    index=3,
    reply=Reply(
        text="It is 42.", thinking="Six times seven.", tool_calls=(ToolCall(id="t", name="f", arguments="{}"),)
    ),
    finish_reason="stop",
    answer=Answer(kind="math", text="42", key="42"),
)


class Answers:
    """Webhooks that answer with `answer`, or raise it; `deliveries` is what was sent."""

    def __init__(self, answer: bytes | Exception) -> None:
        self.deliveries: list[Delivery] = []
        self._answer = answer

    def check(self, url: str) -> None:
        raise InvalidStrategyError(f"not to {url}", param="url")

    async def deliver(self, delivery: Delivery) -> bytes:
        self.deliveries.append(delivery)
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def judged(runner: asyncio.Runner, answer: object, **parameters: Any) -> Verdict:  # noqa: ANN401 - any of them
    told = answer if isinstance(answer, (bytes, Exception)) else json.dumps(answer).encode()
    tools = verifier_tools(webhooks=Answers(told))
    verdict = runner.run(judge_all([WebhookVerifier(url=URL, **parameters)], CANDIDATE, tools))
    assert verdict
    return verdict


@pytest.mark.parametrize(
    ("answer", "parameters", "expected"),
    [
        ({"status": "pass"}, {}, Verdict(status="pass", score=1.0)),
        ({"status": "fail"}, {}, Verdict(status="fail", score=0.0)),
        ({"status": "abstain"}, {}, Verdict(status="abstain")),
        ({"status": "abstain", "score": 0.5}, {}, Verdict(status="abstain", score=0.5)),
        ({"status": "pass", "score": 0.75, "x": [1]}, {}, Verdict(status="pass", score=0.75)),
        ({"status": "fail", "feedback": "No."}, {}, Verdict(status="fail", score=0.0, feedback="No.")),
        ({"status": "fail", "score": 0.9}, {"pass_at": 0.5}, Verdict(status="fail", score=0.9)),
        ({"status": "pass", "score": None, "feedback": None}, {}, Verdict(status="pass", score=1.0)),
        ({"score": 1}, {}, Verdict(status="abstain", score=1.0)),
        ({"score": 0.5}, {"pass_at": 0.5}, Verdict(status="pass", score=0.5)),
        ({"score": 0.49, "feedback": "No."}, {"pass_at": 0.5}, Verdict(status="fail", score=0.49, feedback="No.")),
    ],
)
def test_what_it_says_becomes_the_verdict(
    runner: asyncio.Runner, answer: object, parameters: dict[str, Any], expected: Verdict
) -> None:
    assert judged(runner, answer, **parameters) == expected


@pytest.mark.parametrize(
    "answer",
    [
        *(b"", b"ok", b"null", b"[]", b"\xff\xfe", b"[" * 60_000, b'{"a":' * 10_000, b'{"score": NaN}'),
        *({}, {"status": "error"}, {"status": "PASS"}, {"status": True}, {"passed": True}),
        *({"score": 1.01}, {"score": -0.1}, {"score": "1"}, {"score": True}, {"status": "pass", "score": 7}),
        {"status": "fail", "feedback": ["No."]},
    ],
    ids=lambda value: repr(value)[:30],
)
def test_anything_else_is_an_error_and_never_a_verdict(runner: asyncio.Runner, answer: object) -> None:
    verdict = judged(runner, answer)
    assert (verdict.status, verdict.score) == ("error", None)
    assert "the webhook answered" in (verdict.feedback or "")


def test_no_answer_is_an_error_that_says_why(runner: asyncio.Runner) -> None:
    verdict = judged(runner, WebhookError("the webhook answered with status 503"))
    assert verdict.feedback == "The verifier webhook could not decide: the webhook answered with status 503."


def test_feedback_is_bounded(runner: asyncio.Runner) -> None:
    assert len(judged(runner, {"status": "fail", "feedback": "x" * 60_000}).feedback or "") == 4_000


@pytest.mark.parametrize(
    ("include", "more"),
    [
        ([], {}),
        (["messages"], {"messages": [{"role": "user", "content": "6 x 7?"}]}),
        (["thinking"], {"thinking": "Six times seven."}),
    ],
)
def test_it_is_sent_the_candidate_and_what_was_asked_for(
    runner: asyncio.Runner, include: list[str], more: dict[str, object]
) -> None:
    webhooks = Answers(b'{"status": "pass"}')
    question = Question(messages=[{"role": "user", "content": "6 x 7?"}])
    tools = verifier_tools(webhooks=webhooks, question=question, run_id="r1", until=1e12)
    verifier = WebhookVerifier.model_validate({"type": "webhook", "url": URL, "timeout_s": 2.5, "include": include})
    runner.run(verifier.verify(CANDIDATE, tools))
    (delivery,) = webhooks.deliveries
    assert (delivery.url, delivery.timeout_s, delivery.until) == (URL, 2.5, 1e12)
    assert json.loads(delivery.body) == {
        "run": "r1",
        "candidate": "c3",
        "text": "It is 42.",
        "answer": {"kind": "math", "text": "42"},
        "tool_calls": [{"id": "t", "name": "f", "arguments": "{}"}],
        **more,
    }


def test_its_host_is_checked_before_anything_is_drawn(runner: asyncio.Runner) -> None:
    with pytest.raises(InvalidStrategyError, match="not to https"):
        runner.run(WebhookVerifier(url=URL).check(verifier_tools(webhooks=Answers(b""))))
    with pytest.raises(InvalidStrategyError, match="operator must list it"):
        runner.run(WebhookVerifier(url=URL).check(verifier_tools()))


@pytest.mark.parametrize(
    "parameters",
    [
        {"url": ""},
        {"url": "https://user@verify.example.com/"},
        {"url": "http://0x7f.1/"},
        {"timeout_s": 0.0},
        {"timeout_s": "1"},
        {"pass_at": 2.0},
        {"include": ["secrets"]},
        {"secret": "mine"},
    ],
)
def test_its_parameters_are_checked(parameters: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        WebhookVerifier.model_validate({"type": "webhook", "url": URL, **parameters})
