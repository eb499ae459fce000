from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from app.candidates import Candidate, Reply
from app.verifiers.regex import RegexVerifier

if TYPE_CHECKING:
    import asyncio

    from app.verifiers.base import VerifierTools


def candidate(text: str) -> Candidate:
    return Candidate(index=0, reply=Reply(text=text), finish_reason="stop")


@pytest.mark.parametrize(
    ("pattern", "flags", "text", "status"),
    [
        ("answer: [0-9]+", "", "The answer: 42.", "pass"),
        ("^answer", "", "The answer", "fail"),
        ("ANSWER", "i", "The answer", "pass"),
        ("^answer$", "m", "The\nanswer\nis", "pass"),
        ("^answer$", "", "The\nanswer\nis", "fail"),
        ("The.answer", "s", "The\nanswer", "pass"),
        ("THE.^answer", "ims", "The\nanswer", "pass"),
        ("x", "", "", "fail"),
        ("^$", "", "", "pass"),
        (r"\p{Greek}", "", "λ", "pass"),
        ("^.$", "", "\ud800", "pass"),
        ("(a+)+$", "", "a" * 5_000 + "!", "fail"),
        ("(a+)+$", "", "a" * 1_000_000 + "!", "fail"),
        ("b$", "", "ab" * 500_000, "pass"),
    ],
)
def test_the_pattern_is_searched_in_the_text(
    runner: asyncio.Runner, tools: VerifierTools, pattern: str, flags: str, text: str, status: str
) -> None:
    verdict = runner.run(RegexVerifier(pattern=pattern, flags=flags).verify(candidate(text), tools))
    assert verdict.status == status
    assert verdict.score == (1.0 if status == "pass" else 0.0)
    assert verdict.feedback == (None if status == "pass" else "The text does not have the form that was asked for.")


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(a", "missing )"),
        ("a**", "bad repetition operator"),
        ("(?=a)", "invalid perl operator"),
        (r"(a)\1", "invalid escape sequence"),
        (r"\pL{1000}" * 20, "pattern too large"),
        ("", "at least 1 character"),
        ("a" * 5_000, "at most 4096 characters"),
    ],
)
def test_what_is_no_regular_expression_is_refused_with_the_reason(pattern: str, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason.replace(")", r"\)")):
        RegexVerifier(pattern=pattern)


@pytest.mark.parametrize("flags", ["x", "I", "i m", "imsi"])
def test_unknown_flags_are_refused(flags: str) -> None:
    with pytest.raises(ValidationError):
        RegexVerifier(pattern="a", flags=flags)


def test_nothing_is_printed_for_a_bad_pattern(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValidationError):
        RegexVerifier(pattern="(a")
    assert capfd.readouterr() == ("", "")
