"""Where there are few values to choose from, answers agree by chance, so that more of them must agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.answers.boxed import Boxed
from app.answers.json import Json
from app.answers.text import Text
from app.candidates import Answer, Question, Reply
from app.stopping.beta import Beta
from app.stopping.finishers import Finishers
from app.stopping.race import Race
from app.stopping.small_space import has_few_values, votes_needed
from app.stopping.window import Window
from tests.stopping.runs import board_of, stopped, vote, votes

if TYPE_CHECKING:
    from app.stopping.base import StopRule

OPTION = Answer(kind="choice", text="B", key="B")
QUESTION = Question(messages=[{"role": "user", "content": "Is it so?"}])


def test_one_more_is_needed_and_at_least_three() -> None:
    assert [votes_needed(votes, few_values=True) for votes in (0, 1, 2, 3, 7)] == [3, 3, 3, 4, 8]
    assert [votes_needed(votes, few_values=False) for votes in (0, 1, 2, 7)] == [0, 1, 2, 7]


@pytest.mark.parametrize(
    ("rule", "large", "small"),
    [
        (Race(votes=2), 2, 3),
        (Race(votes=4), 4, 5),
        (Window(size=2), 2, 3),
        (Beta(confidence=0.6), 1, 3),
        (Beta(confidence=0.95), 4, 4),
        (Finishers(count=2), 2, 2),
    ],
)
def test_options_need_more_votes_than_other_answers(rule: StopRule, large: int, small: int) -> None:
    assert stopped(board_of(rule), [vote(index) for index in range(9)]) == (large, rule.name)
    assert stopped(board_of(rule), [vote(index, answer=OPTION) for index in range(9)]) == (small, rule.name)


def test_an_extractor_of_options_says_so_beforehand() -> None:
    assert stopped(board_of(Race(votes=2), answer="choice"), votes(0, 0, 0)) == (3, "race")


@pytest.mark.parametrize(
    "asked", ["Which?\n(A) 1\n(B) 2", "Which one? (a) 1 (b) 2 (c) 3", r"$\textbf{(A)} 1 \textbf{(B)} 2 \textbf{(C)} 3$"]
)
@pytest.mark.parametrize(("rule", "enough"), [(Beta(confidence=0.6), 3), (Race(votes=2), 3), (Window(size=2), 3)])
def test_a_question_that_lists_options_needs_more_votes_from_the_first_candidate_on(
    rule: StopRule, enough: int, asked: str
) -> None:
    assert stopped(board_of(rule, asked=asked), votes(0, 0, 0, 0)) == (enough, rule.name)


def test_one_option_among_other_answers_is_enough() -> None:
    assert stopped(board_of(Race(votes=2)), [vote(0, 1, answer=OPTION), *votes(0, 0, 0, 0)[1:]]) == (4, "race")


@pytest.mark.parametrize(
    ("text", "few"),
    [
        ("Yes.", True),
        ("no", True),
        ("TRUE", True),
        ("Yes, it is.", True),
        ("No it isn't", True),
        ("False: 9 is odd", True),
        ("perhaps", False),
        ("no idea", False),
        ("yesterday", False),
        ("No. 5", False),
        ("no-one", False),
        ("No, " + "because of all that was said above", True),
        ("No, because of all that was said above, and of more", False),
        ("B", False),
    ],
)
def test_yes_and_no_are_few(text: str, few: bool) -> None:  # noqa: FBT001 - an expectation
    answer = Text().extract(Reply(text=text), QUESTION)
    assert answer
    assert has_few_values(answer) == few


@pytest.mark.parametrize(
    ("text", "few"), [(r"\textbf{(B)}", True), ("(J)", True), ("B", False), ("(Z)", False), ("(A)(B)", False)]
)
def test_a_letter_in_brackets_is_an_option_whatever_was_asked(text: str, few: bool) -> None:  # noqa: FBT001 - as above
    answer = Boxed().extract(Reply(text=rf"\boxed{{{text}}}"), QUESTION)
    assert answer
    assert has_few_values(answer) == few


@pytest.mark.parametrize(
    ("text", "few"),
    [
        ('{"ok": true}', True),
        ('{ "o k":false }', True),
        ('{"ok": true, "why": true}', False),
        ('{"ok": "true"}', False),
        ("[true]", False),
    ],
)
def test_a_document_of_one_boolean_is_one_of_few(text: str, few: bool) -> None:  # noqa: FBT001 - an expectation
    answer = Json().extract(Reply(text=text), QUESTION)
    assert answer
    assert has_few_values(answer) == few
