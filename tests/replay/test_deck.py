"""Answers found and compared once a problem, by the code that serves requests."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from app.replay.deck import Deck, make_decks
from app.replay.errors import RecordingError
from app.replay.recording import read_recordings
from tests.replay.recorded import QUESTION, line, write

if TYPE_CHECKING:
    from pathlib import Path

OPTIONS = "Which?\nChoices:\n(A) one\n(B) two\n"


def decks_of(file: Path) -> list[Deck]:
    return asyncio.run(make_decks(read_recordings([file]), processes=1))


def deck_of(tmp_path: Path, *lines: dict[str, object]) -> Deck:
    [made] = decks_of(write(tmp_path / "r.jsonl", *lines))
    return made


def test_equal_answers_share_a_cluster_and_those_of_the_right_one_are_right(tmp_path: Path) -> None:
    made = deck_of(tmp_path, line(("7", 5), (0.5, 6), (r"\frac{1}{2}", 7), (None, 8), (7, 9), answer="1/2"))
    assert [candidate.cluster for candidate in made.candidates] == [0, 1, 1, None, 0]
    assert made.right == {1}
    assert made.mean_tokens == 7


def test_where_no_sample_is_right_no_cluster_is(tmp_path: Path) -> None:
    assert deck_of(tmp_path, line(("7", 5), answer="8")).right == frozenset()


@pytest.mark.slow
def test_what_takes_algebra_is_compared_by_algebra(tmp_path: Path) -> None:
    made = deck_of(tmp_path, line((r"\sqrt{8}", 5), (r"2\sqrt{2}", 6), ("3", 7), answer=r"\sqrt{2}+\sqrt{2}"))
    assert [candidate.cluster for candidate in made.candidates] == [0, 0, 1]
    assert made.right == {0}


def test_letters_are_options_where_the_question_lists_them(tmp_path: Path) -> None:
    made = deck_of(tmp_path, {**line(("A", 5), ("B", 5), answer="B"), "problem": OPTIONS})
    assert [candidate.answer and candidate.answer.kind for candidate in made.candidates] == ["choice", "choice"]
    assert made.right == {1}


def test_an_answer_that_is_not_recorded_is_found_in_the_text(tmp_path: Path) -> None:
    texts = ["So it is \\boxed{4}.", "<think>5?</think> The answer is 4.", ""]
    samples = [{"text": text, "completion_tokens": 9, "finish_reason": "length"} for text in texts]
    made = deck_of(tmp_path, {"id": 1, "problem": QUESTION, "answer": 4, "samples": samples})
    assert [candidate.cluster for candidate in made.candidates] == [0, 0, None]
    assert {candidate.finish_reason for candidate in made.candidates} == {"length"}
    assert made.right == {0}


def test_a_recorded_answer_goes_before_the_text_also_where_it_is_none(tmp_path: Path) -> None:
    text = "So it is \\boxed{4}."
    samples = [{"text": text, "completion_tokens": 9, **more} for more in ({}, {"answer": None}, {"answer": 5})]
    made = deck_of(tmp_path, {"id": 1, "problem": QUESTION, "answer": 5, "samples": samples})
    assert [candidate.answer and candidate.answer.key for candidate in made.candidates] == ["4", None, "5"]
    assert made.right == {1}


@pytest.mark.parametrize("answer", ["}", "a{", "4}", "$$", "..."])
def test_a_right_answer_that_cannot_be_read_is_told_with_its_place(tmp_path: Path, answer: str) -> None:
    file = write(tmp_path / "r.jsonl", line(("1", 5)), line(("1", 5), answer=answer))
    with pytest.raises(RecordingError, match=r"r\.jsonl:2: the `answer` that is right, '.+', can't be read") as caught:
        decks_of(file)
    assert repr(answer) in str(caught.value)
    assert "\n" not in str(caught.value)
