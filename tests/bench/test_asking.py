"""What the bench reads out of an answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.asking import Answered, critical_path


@pytest.mark.parametrize(
    ("durations", "width", "end"),
    [
        ([3.0, 1.0, 2.0], 3, 3.0),
        ([3.0, 1.0, 2.0], 1, 6.0),
        ([3.0, 1.0, 2.0], 2, 3.0),
        ([4.0, 1.0, 2.0, 2.0], 2, 5.0),
        ([None, 1.0, 2.0], 2, 3.0),
        ([None, None], 2, 0.0),
        ([None, None, 1.0], 2, 0.0),
    ],
)
def test_the_critical_path_ends_with_the_last_that_ends(durations: list[float | None], width: int, end: float) -> None:
    assert critical_path(iter(durations), width) == end


@given(st.lists(st.floats(0, 100), min_size=1, max_size=20), st.integers(1, 20))
def test_the_critical_path_is_no_shorter_than_what_the_longest_or_an_even_share_takes(
    durations: list[float], width: int
) -> None:
    path = critical_path(iter(durations), width)
    assert path >= max(durations)
    assert path >= sum(durations) / width - 1e-6
    assert path <= sum(durations) + 1e-6


def test_what_an_answer_took_beyond_its_candidates_excludes_the_queue_and_those_cut_off() -> None:
    ended = {"id": "c0", "answer": "7", "finish_reason": "stop", "latency_ms": 400.0, "completion_tokens": 300}
    cut_off = {"id": "c1", "answer": None, "finish_reason": None, "latency_ms": 430.0, "completion_tokens": 310}
    quorum = {"candidates": [ended, cut_off], "decision": {"winner": "c0"}, "timing": {"queue_ms": 50.0}}
    body = {"usage": {"completion_tokens": 610}, "quorum": quorum}
    answered = Answered(question=0, body=body, first_byte_s=0.5)
    assert (answered.tokens, answered.said) == (610, "7")
    assert answered.after_the_last_s(2) == pytest.approx(0.05)
    assert answered.beyond_the_tokens_s(2, rate=1_000.0) == pytest.approx(0.15)
