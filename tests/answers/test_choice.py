from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import TypeAdapter, ValidationError

from app.answers import AnyExtractor
from app.answers.choice import Choice

if TYPE_CHECKING:
    from collections.abc import Callable

    Key = Callable[..., str | None]

QUESTION = """Which energy difference can be resolved?

Choices:
(A) 10^-4 eV
(B) 10^-9 eV
(C) 10^-11 eV
(D) none of them
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(B)", "B"),
        ("B", "B"),
        ("B.", "B"),
        ("b", "B"),
        ("(b)", "B"),
        ("B) 10^-9 eV", "B"),
        ("**B**", "B"),
        ("Answer: B", "B"),
        ("Answer (B)", "B"),
        ("**Answer:** B", "B"),
        ("The answer is **(C)**, because the lifetime is short.", "C"),
        ("The correct answer is:\n\\[\n\\boxed{A}\n\\]", "A"),
        (r"\boxed{\text{(B)}}", "B"),
        (r"$\boxed{\text{B}}$", "B"),
        (r"\boxed{B) 10^-9 eV}", "B"),
        ("Reasoning at length. " * 20 + "The correct option is B.", "B"),
        ("Reasoning at length. " * 20 + "So option C is correct.", "C"),
        ("Reasoning at length. " * 20 + "I would go with D.", "D"),
        ("Reasoning at length. " * 20 + "Of these, (B) fails, which leaves (D).", "D"),
        ("Reasoning at length. " * 20 + "\n\nC\n", "C"),
        ("The answer is 10^-9 eV.", "B"),
        ("None of them", "D"),
        ("A dog is an animal, and so on. " * 20, None),
        ("The answer is a dog.", None),
        ("The answer is (Z).", None),
        ("I think that depends.", None),
        ("", None),
    ],
)
def test_the_chosen_letter_is_the_answer(key: Key, text: str, expected: str | None) -> None:
    assert key("choice", text, QUESTION) == expected


@pytest.mark.parametrize(
    ("question", "text", "expected"),
    [
        ("Pick one: A) red B) green", "green", "B"),
        ("Pick one.\nA. red\nB. green", "Green.", "B"),
        ("- **A:** red\n- **B:** green", "The answer is green", "B"),
        ("Example: (A) x (B) y (C) z. Now yours: (A) one (B) two", "The answer is two.", "B"),
        ("(a) Find x. (b) Find y.", "Answer: G", "G"),
        ("No options", "Answer: K", None),
        ("Only (A) one", "Answer: J", "J"),
    ],
)
def test_the_options_are_those_that_the_question_lists_or_a_to_j(
    key: Key, question: str, text: str, expected: str | None
) -> None:
    assert key("choice", text, question) == expected


def test_choices_may_be_letters_or_the_options_texts(key: Key) -> None:
    assert key({"type": "choice", "choices": ["x", "y"]}, "Answer: Y") == "Y"
    assert key({"type": "choice", "choices": ["x", "y"]}, "Answer: B") is None
    assert key({"type": "choice", "choices": ["Paris", "Rome"]}, "The answer is Rome.") == "B"


@pytest.mark.parametrize("choices", [[], ["A"], ["", "B"], ["A"] * 27, ["x" * 1_001, "y"]])
def test_choices_that_make_no_sense_are_refused(choices: list[str]) -> None:
    adapter: TypeAdapter[object] = TypeAdapter(AnyExtractor)
    with pytest.raises(ValidationError):
        adapter.validate_python({"type": "choice", "choices": choices})


def test_a_long_list_of_what_is_no_choice_is_refused_at_its_first() -> None:
    with pytest.raises(ValidationError) as refused:
        Choice.model_validate({"type": "choice", "choices": [7] * 10_000})
    assert refused.value.error_count() <= 2
