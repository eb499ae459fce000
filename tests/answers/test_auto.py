from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.answers.auto import Auto
from app.candidates import Question, Reply, ToolCall

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.candidates import Answer

    Extract = Callable[..., Answer | None]

OPTIONS = "Which one?\n(A) 42\n(B) 43\n(C) none of these"
SUM = "What is 20 + 22?"
ESSAY = "Write a 500-word essay about the war of 1812."


@pytest.mark.parametrize(
    ("question", "text", "kind", "key"),
    [
        (SUM, r"So \boxed{42}.", "math", "42"),
        (SUM, "The answer is 42.", "math", "42"),
        (SUM, "#### 42", "math", "42"),
        (SUM, "**Answer:** $42$", "math", "42"),
        (SUM, "## Final Answer\n\n42", "math", "42"),
        (SUM, "Therefore, the answer is \\(42\\), as 20 and 22 are even.", "math", "42"),
        (SUM, "The answer, of course, is 42 apples.", "math", "42"),
        (SUM, "20 + 22 = 42", "math", "42"),
        (SUM, "It makes 42.", "math", "42"),
        (SUM, "The answer is 42, leading to 84 when it is doubled", "math", "42"),
        ("How many sides has a triangle?", "Three, that is 3.", "math", "3"),
        ("How many sides?", "A few.", "text", "a few"),
        ("Expand it.", "The answer is $x + 1$.", "math", "x+1"),
        ("Expand it.", "The answer is 2 pi", "math", "2 pi"),
        ("Expand it.", "The answer is x + 1", "math", "x+1"),
        ("What is the capital of France?", "The answer is Paris.", "text", "paris"),
        ("What is the capital of France?", "**Answer:** Paris", "text", "paris"),
        ("What is the capital of France?", r"\boxed{\text{Paris}}", "text", "paris"),
        ("What is the capital of France?", "Paris.", "text", "paris"),
        ("Is it?", r"\boxed{\text{No}}", "text", "no"),
        ("Is it?", r"\boxed{AB}", "math", "AB"),
        ("Is it?", "The answer is not easy to give.", "text", "the answer is not easy to give"),
        ("Is it?", "My answer is that it was, as far as I know, always so in this world.", "text", None),
        ("Is it?", "There is no answer", "text", "there is no answer"),
        (OPTIONS, r"\boxed{B}", "choice", "B"),
        (OPTIONS, "The answer is (B).", "choice", "B"),
        (OPTIONS, r"\boxed{43}", "choice", "B"),
        (OPTIONS, "I computed 42, so (A).", "choice", "A"),
        (OPTIONS, r"\boxed{7}", "math", "7"),
        ("Write f.", "Here is the answer:\n```python\ndef f(): return 1\n```", "code", "def f():\n    return 1"),
        (
            "Write f in 3 lines.",
            "```python\ndef f(): return 1\n```\nIt takes 1 line.",
            "code",
            "def f():\n    return 1",
        ),
        ("Now 3?", "```\n\n```", "text", "\n"),
        (ESSAY, "In 1812 there was a war.", "text", "in 1812 there was a war"),
        ("Tell me about cats.", "There are 73 breeds.", "text", "there are 73 breeds"),
    ],
)
def test_the_answer_is_found_as_the_question_and_the_reply_suggest(
    extract: Extract, question: str, text: str, kind: str, key: str | None
) -> None:
    answer = extract("auto", text, question)
    assert answer is not None
    assert answer.kind == kind
    assert key is None or answer.key.strip("` ") in {key, key.strip()}


def test_json_that_was_asked_for_goes_before_everything_in_the_text(extract: Extract) -> None:
    answer = extract("auto", r'The answer is 1, \boxed{2}: {"a": 3}', SUM, wants_json=True)
    assert answer is not None
    assert (answer.kind, answer.key) == ("json", '{"a":3}')
    assert extract("auto", r"\boxed{2}", SUM, wants_json=True) is None


def test_tool_calls_go_before_all() -> None:
    reply = Reply(text=r"\boxed{1}", tool_calls=(ToolCall(id="1", name="f", arguments="{}"),))
    answer = Auto().extract(reply, Question(messages=[], wants_json=True))
    assert answer is not None
    assert answer.kind == "tool_call"


def test_a_blank_reply_has_no_answer(extract: Extract) -> None:
    assert extract("auto", " \n", SUM) is None


@pytest.mark.parametrize(
    ("question", "first", "second"),
    [
        ("Give me a person of age 3.", '{"name": "Bob", "age": 3}', '{"name": "Alice", "age": 3}'),
        ("Was it built in 1990?", "Yes, definitely. It was built in 1990.", "No, it was not. It was built in 1990."),
    ],
)
def test_replies_that_say_different_things_are_not_merged_by_a_number_in_them(
    question: str, first: str, second: str
) -> None:
    asked = Question(messages=[{"role": "user", "content": question}])
    answers = [Auto().extract(Reply(text=text), asked) for text in (first, second)]
    assert len({answer.key for answer in answers if answer}) == 2


def test_yes_and_no_agree_however_they_are_explained() -> None:
    asked = Question(messages=[{"role": "user", "content": "Is 7 a prime number?"}])
    answers = [
        Auto().extract(Reply(text=text), asked) for text in ("**Yes**, 7 is prime.", "yes: only 1 and 7 divide it")
    ]
    assert len({answer.key for answer in answers if answer}) == 1
