from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.workers.thinking import CLOSE, OPEN, ThinkingSplitter, split_thinking

PLAIN = st.text(max_size=30).filter(lambda text: "think>" not in text)
TAGGED = st.lists(st.sampled_from([OPEN, CLOSE, "\n", " ", "a", "ä ", "<", "</thi", "\u2003"]), max_size=12).map(
    "".join
)


def streamed(pieces: list[str]) -> tuple[str, str]:
    """Return the (thinking, text) that a splitter makes of the pieces."""
    splitter = ThinkingSplitter()
    said = [*map(splitter.feed, pieces), splitter.finish()]
    return "".join(thinking for thinking, _ in said), "".join(text for _, text in said)


def cut(text: str, places: list[int]) -> list[str]:
    edges = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[start:end] for start, end in pairwise(edges)]


def squeezed(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize(
    ("content", "thinking", "text"),
    [
        ("<think>hm</think>4", "hm", "4"),
        ("\n<think>\nhm\n</think>\n\n4\n", "hm", "4\n"),
        ("hm\n</think>\n\n4", "hm", "4"),
        ("hm\r\n </think> \r\n4", "hm", "4"),
        ("</think>\n\n4", "", "4"),
        ("<think>cut off by the lim", "cut off by the lim", ""),
        ("<think>cut off </thi", "cut off </thi", ""),
        ("<think></think>4", "", "4"),
        ("<think>a</think>Write </think> then.", "a", "Write </think> then."),
        ("", "", ""),
        (" \n", "", " \n"),
    ],
)
def test_thinking_stands_before_the_answer(content: str, thinking: str, text: str) -> None:
    assert split_thinking(content) == (thinking, text)


@pytest.mark.parametrize(
    "text",
    [
        "The tag <think> opens it.",
        "The tag </think> closes it; then comes the answer.",
        "Write <think>x</think> like this.",
        "```\n<think>\nx\n</think>\n```",
        "hm</think>4",
    ],
)
def test_a_tag_that_is_only_mentioned_is_text(text: str) -> None:
    assert split_thinking(text) == streamed([text]) == ("", text)


@given(PLAIN)
def test_a_text_without_tags_is_all_answer(text: str) -> None:
    assert split_thinking(text) == ("", text)


@given(PLAIN, PLAIN)
def test_both_parts_come_back_whole(thinking: str, text: str) -> None:
    assert split_thinking(f"{OPEN}{thinking}{CLOSE}{text}") == (thinking.strip(), text.lstrip())


@given(TAGGED)
def test_nothing_vanishes_but_the_tags_and_the_space_around_thinking(content: str) -> None:
    thinking, text = split_thinking(content)
    ways = {f"{opened}{thinking}{closed}{text}" for opened in ("", OPEN) for closed in ("", CLOSE)}
    assert squeezed(content) in map(squeezed, ways)
    assert thinking or text == content or content.strip().startswith((OPEN, CLOSE))


@given(TAGGED, TAGGED, st.lists(st.integers(0, 100), max_size=20))
def test_a_stream_is_split_the_same_wherever_it_is_cut(first: str, rest: str, places: list[int]) -> None:
    content = f"{first}{OPEN}{rest}"
    if content.lstrip().startswith(OPEN):
        assert streamed(cut(content, places)) == split_thinking(content)
    else:  # a thinking that the prompt opened can't be foreseen
        assert streamed(cut(content, places)) == ("", content)


def test_nothing_is_held_back_longer_than_it_is_in_doubt() -> None:
    splitter = ThinkingSplitter()
    pieces = [" <th", "ink>", "\n", "a", " <b", " </think", ">", "\n", "4 "]
    assert [splitter.feed(piece) for piece in pieces] == [
        *(("", ""), ("", ""), ("", "")),
        *(("a", ""), (" <b", ""), ("", ""), ("", ""), ("", "")),
        ("", "4 "),
    ]
    assert splitter.settled


def test_a_text_is_settled_with_its_first_word() -> None:
    splitter = ThinkingSplitter()
    assert splitter.feed("\n") == ("", "")
    assert not splitter.settled
    assert splitter.feed("<b") == ("", "\n<b")
    assert splitter.settled
