from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.workers.thinking import CLOSE, OPEN, split_thinking

PLAIN = st.text(max_size=30).filter(lambda text: "think>" not in text)


@pytest.mark.parametrize(
    ("content", "thinking", "text"),
    [
        ("<think>hm</think>4", "hm", "4"),
        ("\n<think>\nhm\n</think>\n\n4\n", "hm", "4"),
        ("hm</think>4", "hm", "4"),
        ("<think>cut off by the lim", "cut off by the lim", ""),
        ("<think></think>4", "", "4"),
        ("<think>a</think>b</think>4", "a</think>b", "4"),
        ("The tag <think> opens it.", "", "The tag <think> opens it."),
        ("Write <think>x</think> like this.", "", "Write <think>x</think> like this."),
        ("", "", ""),
    ],
)
def test_thinking_stands_before_the_answer(content: str, thinking: str, text: str) -> None:
    assert split_thinking(content) == (thinking, text)


@given(PLAIN)
def test_a_text_without_tags_is_all_answer(text: str) -> None:
    assert split_thinking(text) == ("", text)


@given(PLAIN, PLAIN)
def test_both_parts_come_back_whole(thinking: str, text: str) -> None:
    assert split_thinking(f"{OPEN}{thinking}{CLOSE}{text}") == (thinking.strip(), text.strip())
