from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import TypeAdapter, ValidationError

from app.answers import AnyExtractor
from app.answers.regex import Regex
from app.candidates import Question, Reply

if TYPE_CHECKING:
    from app.candidates import Answer


def find(pattern: str, text: str) -> Answer | None:
    return Regex(pattern=pattern).extract(Reply(text=text), Question(messages=[]))


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        (r"\d+", "12 then 345", "345"),
        (r"answer: (\w+)", "answer: yes. answer: no.", "no"),
        (r"(?s)<a>(.*?)</a>", "<a>one</a> <a>two\nthree</a>", "two\nthree"),
        (r"(?i)YES|no", "no, yes", "yes"),
        (r"(x)|y", "x y", "x"),
        ("é+", "caféé olé", "é"),
        (r"\d+", " ".join(str(n) for n in range(1_000)), "999"),
        (r"\d+", "7 " * 500 + "x " * 3_000, "7"),
        (r"\d+", "7 " * 40 + "x " * 3_000 + "8 " + "x" * 90, "8"),
        ("a*", "baac", "aa"),
    ],
)
def test_the_last_match_that_is_not_blank_is_the_answer(pattern: str, text: str, expected: str) -> None:
    answer = find(pattern, text)
    assert answer is not None
    assert (answer.kind, answer.text) == ("text", expected)


@pytest.mark.parametrize(("pattern", "text"), [("x", "abc"), ("x", ""), (" *", "   "), ("(y)?x", "x"), ("a", "\ud800")])
def test_no_match_is_no_answer(pattern: str, text: str) -> None:
    assert find(pattern, text) is None


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(", "not a regular expression that RE2 can run: missing"),
        ("(?=x)", "invalid perl operator"),
        (r"(a)\1", "invalid escape sequence"),
        (r"\pL{400}", "too large"),
        ("x{600}", "too complex: it compiles to"),
        ("x" * 1_001, "at most 1000 characters"),
        ("", "at least 1 character"),
        ("\ud800", "surrogate|unicode"),
    ],
)
def test_a_pattern_that_cannot_run_is_refused_with_the_reason(pattern: str, message: str) -> None:
    adapter: TypeAdapter[object] = TypeAdapter(AnyExtractor)
    with pytest.raises(ValidationError, match=message):
        adapter.validate_python({"type": "regex", "pattern": pattern})


@pytest.mark.parametrize("pattern", ["(a*)*b", "(a|aa)+$", "a.*b|a", "a{1,50}b|a", "a*"])
def test_patterns_that_backtrack_elsewhere_come_to_an_end(pattern: str) -> None:
    find(pattern, "a" * 100_000)
