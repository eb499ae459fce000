from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from app.answers import EXTRACTORS, AnyExtractor
from app.answers.choice import Choice
from app.answers.regex import Regex
from app.candidates import Question, Reply
from app.parts import type_name

if TYPE_CHECKING:
    from app.answers.base import Extractor

NAMES = ["auto", "boxed", "choice", "code", "json", "number", "regex", "text", "tool_call"]
SIZE = 100_000

PIECES = [
    "\\boxed{", "}", "{", "[", "]", '"', "\\", ",", ":", "```", "\n", "python", "####", " ", "answer is",
    "the answer", "=", "-", "1", "0.5", "1,000", "/", "\\frac", "$", "%", "(A)", "(B) ", "B)", "**", "A", "x",
    "def f():", "\ud800", "\u2212", "é", "option B is correct", "^",
]  # fmt: skip


def every() -> list[Extractor]:
    adapter: TypeAdapter[Extractor] = TypeAdapter(AnyExtractor)
    plain = [adapter.validate_python(name) for name in NAMES if name != "regex"]
    return [*plain, Regex(pattern=r"(\d+)|a.*b"), Choice(choices=("1", "x"))]


def test_every_extractor_can_be_named() -> None:
    assert [type_name(part) for part in EXTRACTORS] == NAMES
    adapter: TypeAdapter[Extractor] = TypeAdapter(AnyExtractor)
    assert adapter.validate_python("boxed") == adapter.validate_python({"type": "boxed"})
    assert adapter.validate_python({"type": "regex", "pattern": "x"}) == Regex(pattern="x")
    with pytest.raises(ValidationError, match="nonsense"):
        adapter.validate_python("nonsense")


@given(
    text=st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=40).map("".join), asked=st.text(max_size=30)
)
@example(text="The answer is", asked="")
@example(text="answer: ```", asked="1")
@settings(max_examples=200, deadline=None)
def test_extracting_never_raises_and_gives_the_same_twice(text: str, asked: str) -> None:
    reply, question = Reply(text=text), Question(messages=[{"role": "user", "content": asked}])
    for extractor in every():
        answer = extractor.extract(reply, question)
        assert answer == extractor.extract(reply, question)
        assert answer is None or answer.key


HOSTILE = [
    *PIECES, '{"', '{"a":', '["', '["a" ', '{"\\"', "[1,", "[[1]", '"{', "{}", "\\boxed{{", "\\boxed{}",
    "{\\boxed{1}", "1,1", "1,111", "1.", "-1/", "H2O ", "2^", "\\frac{", "answer ", "answer:\n", "answer is to ",
    "#### 1 ", "\n\n", "\n ", " \n>", "```\n", "```python\n", "~~~\n", "(A) ", "A. x\n", "(A)(B)", "choose ",
    "correct option is ", "x=", "é\u2212", "a b ", "0 ", "$$", "\\text{", "not ", "lambda:",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_of_100_000_characters_is_read_to_its_end(piece: str) -> None:
    text = piece * (SIZE // len(piece))
    asked, echo = (Question(messages=[{"role": "user", "content": content}]) for content in ("How much is 1+1?", text))
    for extractor in every():
        extractor.extract(Reply(text=f"{text} The answer is {text}"), asked)
        extractor.extract(Reply(text=f"\\boxed{{{text}}}"), asked)
        extractor.extract(Reply(text="B"), echo)
