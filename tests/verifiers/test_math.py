from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from app.answers.equivalence import Equivalence
from app.candidates import Answer, Candidate, Reply
from app.offload import Offload
from app.verifiers.math import MathVerifier
from app.verifiers.panel import judge_all
from tests.tools import verifier_tools

if TYPE_CHECKING:
    from app.candidates import Verdict
    from app.verifiers.base import VerifierTools


def candidate(text: str, answer: Answer | None = None) -> Candidate:
    return Candidate(index=0, reply=Reply(text=text), finish_reason="stop", answer=answer)


@pytest.mark.parametrize(
    ("gold", "text", "status"),
    [
        ("1/2", r"So it is \boxed{\frac{1}{2}}.", "pass"),
        ("1/2", "It is 0.5", "pass"),
        (0.5, r"\boxed{1/2}", "pass"),
        (42, "The answer is 42.", "pass"),
        (r"\boxed{42}", "42", "pass"),
        ("$x^2+2x+1$", r"\boxed{(x+1)^2}", "pass"),
        ("x^2", r"\boxed{x^3}", "fail"),
        ("42", r"First 42, then \boxed{43}.", "fail"),
        ("no solution", r"\boxed{\text{no solution}}", "pass"),
        (r"}\frac{", r"\boxed{1}", "fail"),
    ],
)
def test_the_answer_must_be_the_same_mathematics(
    runner: asyncio.Runner, tools: VerifierTools, gold: object, text: str, status: str
) -> None:
    verifier = MathVerifier.model_validate({"type": "math", "answer": gold})
    verdict = runner.run(verifier.verify(candidate(text), tools))
    assert verdict.status == status
    assert verdict.score == (1.0 if status == "pass" else 0.0)
    assert verdict.feedback == (None if status == "pass" else "The final answer is not correct.")


def test_a_mathematical_answer_of_the_run_is_taken_as_it_is(runner: asyncio.Runner, tools: VerifierTools) -> None:
    taken = candidate("It is 7.", Answer(kind="math", text="42", key="42"))
    assert runner.run(MathVerifier(answer="42").verify(taken, tools)).status == "pass"


def test_an_answer_of_another_kind_is_extracted_anew(runner: asyncio.Runner, tools: VerifierTools) -> None:
    other = candidate("It is 42.", Answer(kind="text", text="It is 42.", key="it is 42"))
    assert runner.run(MathVerifier(answer="42").verify(other, tools)).status == "pass"


@pytest.mark.parametrize("text", ["", "I don't know.", "word " * 200_000])
def test_no_answer_is_a_fail_that_says_so(runner: asyncio.Runner, tools: VerifierTools, text: str) -> None:
    verdict = runner.run(MathVerifier(answer="42").verify(candidate(text), tools))
    assert (verdict.status, verdict.score, verdict.feedback) == ("fail", 0.0, "No final answer was found.")


@pytest.mark.parametrize("gold", ["", " ", None, [1], "1" * 10_001])
def test_a_gold_answer_is_a_bounded_text(gold: object) -> None:
    with pytest.raises(ValidationError):
        MathVerifier.model_validate({"type": "math", "answer": gold})


@pytest.mark.parametrize(
    ("offload", "text", "reason"),
    [
        ({"max_workers": 1}, r"\boxed{9^{9^{9^{9^9}}}}", "TimeoutError"),
        ({"preload": ("no_such_module_anywhere",)}, r"\boxed{1+x}", "OffloadError"),
        ({"max_waiting": 0}, r"\boxed{1+x}", "OffloadBusyError"),
        ({"max_waiting": 0}, rf"\boxed{{{'x+' * 1_500}x}}", "2000 characters"),
    ],
    ids=["out of time", "dead process", "busy", "too long"],
)
def test_an_answer_that_could_not_be_compared_is_an_error_and_never_a_fail(
    offload: dict[str, Any], text: str, reason: str
) -> None:
    async def scenario() -> Verdict | None:
        async with Offload(**offload) as processes:
            tools = verifier_tools(processes, equivalence=Equivalence(processes, timeout_s=0.2))
            return await judge_all([MathVerifier(answer="x+1")], candidate(text), tools)

    verdict = asyncio.run(scenario())
    assert verdict is not None
    assert (verdict.status, verdict.score) == ("error", None)
    assert verdict.feedback is not None
    assert verdict.feedback.startswith("The verifier math could not decide: ")
    assert reason in verdict.feedback
