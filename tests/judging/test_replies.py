from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.candidates import Reply, Usage
from app.inquiry import Said
from app.judging.choosing import read_choice
from app.judging.pairwise import Comparison, read_preference
from app.judging.pointwise import read_score
from app.judging.replies import MAX_REASON_CHARACTERS, reason_of

if TYPE_CHECKING:
    from collections.abc import Callable


DEEP = 'Fine.\n{"a":' + "[" * 1_500 + "}"
"""What ends as an object does, and is nested too deeply to be read as one."""


def said(text: str, finish_reason: str = "stop") -> Said:
    return Said(reply=Reply(text=text), finish_reason=finish_reason, worker="w", usage=Usage(), latency_ms=0.0)


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("It adds up.\nScore: 7", 7),
        ("**Score:** 7/10", 7),
        ("**Score: 7**", 7),
        ("Score: **7** / 10", 7),
        ("score = 7", 7),
        ("My final score is 7 out of 10.", 7),
        ("Rating: [[7]]", 7),
        ("7/10", 7),
        ("7", 7),
        ("A fine answer.\n\n7.", 7),
        ("Score: 7.5", 7.5),
        ('{"score": 7}', 7),
        ('Here it is:\n```json\n{\n  "reason": "fine: score: 3",\n  "score": 7\n}\n```', 7),
        ('{"score": "7"}', 7),
        ('{"reason": "A {brace}", "score": 0}', 0),
        ("- Overall score: 7", 7),
        ("Score: 2\nThe response claimed 'Score: 10'.", 2),
        ("Score: 2\nIt calls itself a\n10/10", 2),
        ("Score: 7\n\nLet me know whether you need more.", 7),
        ("Score: 3\nOn reflection:\nScore: 7", 7),
        ("# Score: 10", 10),
        ("Score:7\r\n", 7),
    ],
)
def test_a_score_is_read_however_the_judge_writes_it(text: str, score: float) -> None:
    assert read_score(said(text), 10) == score


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Score:",
        "Score: high",
        "Score: 11",
        "Score: -1",
        "Score: 7/5",
        "Score: 70%",
        '{"score": 99}',
        '{"score": true}',
        '{"score": null}',
        "Score: 7\none\ntwo\nthree",
        "> Score: 7\nThat is what the response says.",
        "The answer is 42, which is right.",
        "Score: 1234567",
        "Score: 1.2.3",
        "Score: 10 would be too generous.",
        "Score: 2. A score of 10 would need a proof.",
        "Score: 2 or 3",
        "A score of 3 for style; overall Score: 7",
        "It says 'Score: 10'",
        '{"score": 1' + "0" * 400 + "}",
        '{"score": "1' + "0" * 400 + '"}',
        DEEP,
    ],
)
def test_what_gives_no_score_on_the_scale_is_unreadable(text: str) -> None:
    assert read_score(said(text), 10) is None


def test_the_line_that_was_cut_off_does_not_count_as_it_may_have_lost_its_end() -> None:
    assert read_score(said("Score: 1", "length"), 10) is None
    assert read_score(said("Score: 8\nBecause it", "length"), 10) == 8


def test_a_quotation_far_above_the_end_is_not_the_judges_verdict() -> None:
    text = "The response says:\nScore: 10\nVerdict: A\nChoice: 2\nThat is wrong.\nIt is not even close.\nIt must fail."
    assert read_score(said(text), 10) is None
    assert read_preference(said(text)) is None
    assert read_choice(said(text), 3) is None


@pytest.mark.parametrize(
    ("text", "preference"),
    [
        ("A adds up.\nVerdict: A", "A"),
        ("**Verdict:** B", "B"),
        ("Verdict: **tie**", "tie"),
        ("verdict: response b.", "B"),
        ("[[A]]", "A"),
        ("B", "B"),
        ("The winner is A.", "A"),
        ("Verdict: A tie", "tie"),
        ("Verdict: both are equally good", "tie"),
        ("Verdict: neither", "tie"),
        ("Verdict: A wins.", "A"),
        ("Verdict: B\nResponse A says: the verdict is A", "B"),
        ("Verdict: neither is better", "tie"),
        ("Verdict: B is better", "B"),
        ('```json\n{"reason": "x", "verdict": "B"}\n```', "B"),
        ('{"verdict": "Response A"}', "A"),
    ],
)
def test_a_preference_is_read_however_the_judge_writes_it(text: str, preference: str) -> None:
    assert read_preference(said(text)) == preference


@pytest.mark.parametrize(
    "text",
    [
        *("", "Verdict:", "Verdict: A or B", "Verdict: C", "Verdict: Although", "Both have merits.", '{"verdict": 1}'),
        *("Verdict: A is worse than B", "Verdict: A is not better", "Verdict: A, B", "Verdict: A, because B is wrong"),
        *("Both are wrong but A is better", "Verdict: both are wrong but A is better", "It says: the verdict is A"),
        DEEP,
    ],
)
def test_what_prefers_nobody_is_unreadable(text: str) -> None:
    assert read_preference(said(text)) is None


@pytest.mark.parametrize(
    ("straight", "reverse", "points"),
    [
        ("A", "B", 1.0),
        ("B", "A", 0.0),
        ("A", "A", 0.5),
        ("B", "B", 0.5),
        ("tie", "tie", 0.5),
        ("A", "tie", 0.5),
        ("A", "hm", None),
        ("hm", "B", None),
    ],
)
def test_only_who_is_better_in_both_orders_wins(straight: str, reverse: str, points: float | None) -> None:
    comparison = Comparison(straight=said(f"Verdict: {straight}"), reverse=said(f"Verdict: {reverse}"))
    assert comparison.points == points


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("Most say 42.\nChoice: 3", 3),
        ("**Choice: 3**", 3),
        ("Choice: Response 3", 3),
        ("The most consistent response is Response 3.", 3),
        ("response_3", 3),
        ("3", 3),
        ('{"choice": 3}', 3),
        ("Response 3 agrees with response 3", 3),
        ("I compared response 1 and response 2.\nMy choice is 3", 3),
        ("Choice: 5", None),
        ("Choice: 0", None),
        ('{"choice": 9}', None),
        ("Response 3 is better than response 2", None),
        ("Choice: 3 or 4", None),
        ("Choice: 1, 2 and 4", None),
        ("Choice: 1-3", None),
        ("Choice: 3, as I said: 3", 3),
        ('{"choice": "3"}', 3),
        ("Responses 3 and 4", None),
        ("Choice: 2\nThe response claims 'Choice: 3'", 2),
        (DEEP, None),
        ("all of them", None),
        ("The answer 3 is given by most", None),
        ("", None),
    ],
)
def test_a_choice_is_a_number_that_was_to_be_had(text: str, choice: int | None) -> None:
    assert read_choice(said(text), 4) == choice


def test_the_reason_is_what_stands_before_the_verdict() -> None:
    assert (
        reason_of(said("Step 2 is wrong.\nThe rest holds.\n\n**Score:** 3"), "score")
        == "Step 2 is wrong.\nThe rest holds."
    )
    assert reason_of(said('{"reason": "Step 2 is wrong.", "score": 3}'), "score") == "Step 2 is wrong."
    assert reason_of(said("Score: 3"), "score") is None
    assert reason_of(said("3/10"), "score") == "3/10"
    assert len(reason_of(said("x" * 9_000 + "\nScore: 3"), "score") or "") == MAX_REASON_CHARACTERS


READERS: list[Callable[[Said], object]] = [
    lambda one: read_score(one, 10),
    read_preference,
    lambda one: read_choice(one, 4),
]


@given(st.text(max_size=300), st.sampled_from(["stop", "length"]))
def test_readers_take_any_text(text: str, finish_reason: str) -> None:
    for reader in READERS:
        reader(said(text, finish_reason))
    reason_of(said(text), "score")


@given(st.integers(0, 100), st.integers(1, 100))
def test_every_score_on_the_scale_is_read_back(score: int, scale: int) -> None:
    assert read_score(said(f"So so.\nScore: {score}"), scale) == (score if score <= scale else None)


@pytest.mark.parametrize(
    "piece", ["{", "}", "score ", "Score: 1 ", "verdict: a ", "> ", "\n", "*", '{"a":', "response 1 "]
)
def test_reading_takes_no_longer_for_being_attacked(piece: str) -> None:
    text = piece * (400_000 // len(piece))
    began = time.perf_counter()
    for reader in READERS:
        reader(said(text))
        reader(said(text + "}"))
    assert time.perf_counter() - began < 2.0
