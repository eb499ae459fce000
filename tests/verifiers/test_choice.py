from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from app.candidates import Answer, Candidate, Reply
from app.verifiers.choice import ChoiceVerifier

if TYPE_CHECKING:
    import asyncio

    from app.verifiers.base import VerifierTools


def candidate(text: str, answer: Answer | None = None) -> Candidate:
    return Candidate(index=0, reply=Reply(text=text), finish_reason="stop", answer=answer)


@pytest.mark.parametrize("gold", ["B", "b", "(B)", " B. "])
@pytest.mark.parametrize(
    ("text", "status"),
    [("The answer is (B).", "pass"), (r"\boxed{B}", "pass"), ("Answer: C", "fail")],
)
def test_the_option_must_be_the_right_one(
    runner: asyncio.Runner, tools: VerifierTools, gold: str, text: str, status: str
) -> None:
    verdict = runner.run(ChoiceVerifier(answer=gold).verify(candidate(text), tools))
    assert verdict.status == status
    assert verdict.score == (1.0 if status == "pass" else 0.0)
    assert verdict.feedback == (None if status == "pass" else "The option chosen is not the right one.")


def test_a_choice_of_the_run_is_taken_as_it_is(runner: asyncio.Runner, tools: VerifierTools) -> None:
    taken = candidate("The answer is (C).", Answer(kind="choice", text="B", key="B"))
    assert runner.run(ChoiceVerifier(answer="B").verify(taken, tools)).status == "pass"


def test_no_choice_is_a_fail_that_says_so(runner: asyncio.Runner, tools: VerifierTools) -> None:
    verdict = runner.run(ChoiceVerifier(answer="B").verify(candidate("I cannot tell."), tools))
    assert (verdict.status, verdict.feedback) == ("fail", "No final answer was found.")


@pytest.mark.parametrize("gold", ["", "()", " . ", None, "x" * 101])
def test_a_label_is_not_empty_and_bounded(gold: object) -> None:
    with pytest.raises(ValidationError):
        ChoiceVerifier.model_validate({"type": "choice", "answer": gold})
