from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from app.candidates import Answer, Candidate, Reply
from app.verifiers.exact import ExactVerifier

if TYPE_CHECKING:
    import asyncio

    from app.verifiers.base import VerifierTools


def candidate(text: str, answer: str | None = None) -> Candidate:
    found = None if answer is None else Answer(kind="text", text=answer, key=answer)
    return Candidate(index=0, reply=Reply(text=text), finish_reason="stop", answer=found)


@pytest.mark.parametrize(
    ("gold", "text", "answer", "status"),
    [
        ("Paris", "Paris", None, "pass"),
        ("Paris", "  PARIS\n", None, "pass"),
        ("new  york", "New\tYork", None, "pass"),
        ("New York", "New York City", None, "fail"),
        ("New York", "New", None, "fail"),
        ("Paris", "The capital is Paris.", None, "fail"),
        ("Paris", "The capital is Paris.", "Paris", "pass"),
        ("The capital is Paris.", "The capital is Paris.", "Paris", "pass"),
        ("Paris", "Rome", "Rome", "fail"),
        ("café", "cafe\u0301", None, "pass"),
        ("STRASSE", "straße", None, "pass"),
        (42, "42", None, "pass"),
        (0.5, "0.5", None, "pass"),
    ],
)
def test_answer_or_text_must_be_the_expected_one(
    runner: asyncio.Runner, tools: VerifierTools, gold: object, text: str, answer: str | None, status: str
) -> None:
    verifier = ExactVerifier.model_validate({"type": "exact", "answer": gold})
    verdict = runner.run(verifier.verify(candidate(text, answer), tools))
    assert verdict.status == status
    assert verdict.score == (1.0 if status == "pass" else 0.0)
    assert verdict.feedback == (None if status == "pass" else "The final answer is not correct.")


def test_case_matters_when_asked_to(runner: asyncio.Runner, tools: VerifierTools) -> None:
    verifier = ExactVerifier(answer="Paris", ignore_case=False)
    assert runner.run(verifier.verify(candidate("PARIS"), tools)).status == "fail"
    assert runner.run(verifier.verify(candidate("Paris"), tools)).status == "pass"


@pytest.mark.parametrize("text", ["", " \n"])
def test_saying_nothing_is_having_no_answer(runner: asyncio.Runner, tools: VerifierTools, text: str) -> None:
    verdict = runner.run(ExactVerifier(answer="Paris").verify(candidate(text), tools))
    assert (verdict.status, verdict.feedback) == ("fail", "No final answer was found.")


@pytest.mark.parametrize("text", ["word " * 200_000, "x" * 1_000_000, "Paris\n" * 150_000])
def test_a_megabyte_of_text_is_just_wrong(runner: asyncio.Runner, tools: VerifierTools, text: str) -> None:
    assert runner.run(ExactVerifier(answer="Paris").verify(candidate(text), tools)).status == "fail"


@pytest.mark.parametrize("gold", ["", "  ", None, ["Paris"], "x" * 10_001])
def test_a_gold_answer_is_a_bounded_text(gold: object) -> None:
    with pytest.raises(ValidationError):
        ExactVerifier.model_validate({"type": "exact", "answer": gold})
