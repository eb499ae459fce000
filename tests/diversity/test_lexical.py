from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.diversity.lexical import copy_ratio, distinct_2

WORDS = st.lists(st.sampled_from(["a", "b", "c", "d", "12", "λ"]), max_size=30)
TEXTS = st.lists(st.text(max_size=60) | WORDS.map(" ".join), max_size=6)
EIGHT = "one two three four five six seven eight"


def plain_ngrams(words: list[str], length: int) -> list[tuple[str, ...]]:
    return [tuple(words[start : start + length]) for start in range(len(words) - length + 1)]


@given(TEXTS)
def test_distinct_2_is_a_share_or_nothing(texts: list[str]) -> None:
    share = distinct_2(texts)
    assert share is None or 0.0 < share <= 1.0


@given(st.lists(WORDS, max_size=5))
def test_distinct_2_counts_bigrams_within_each_text(texts: list[list[str]]) -> None:
    bigrams = [bigram for words in texts for bigram in plain_ngrams(words, 2)]
    expected = len(set(bigrams)) / len(bigrams) if bigrams else None
    assert distinct_2(" ".join(words) for words in texts) == expected


@given(WORDS, st.lists(WORDS, max_size=3))
def test_copy_ratio_counts_the_8_grams_that_were_shown(words: list[str], shown: list[list[str]]) -> None:
    grams = plain_ngrams(words, 8)
    known = {gram for other in shown for gram in plain_ngrams(other, 8)}
    expected = sum(gram in known for gram in grams) / len(grams) if grams else 0.0
    assert copy_ratio(" ".join(words), [" ".join(other) for other in shown]) == pytest.approx(expected)


@given(st.lists(st.from_regex(r"[a-z]{1,5}", fullmatch=True), min_size=8, max_size=40), TEXTS)
def test_a_text_of_8_words_or_more_copies_itself_whole(words: list[str], others: list[str]) -> None:
    text = " ".join(words)
    assert copy_ratio(text, [*others, text]) == 1.0
    assert copy_ratio(text, [*others, f"See: {text}!"]) == 1.0


@given(st.lists(st.sampled_from("abcd"), max_size=40), st.lists(st.sampled_from("wxyz"), max_size=40))
def test_nothing_is_copied_between_disjoint_vocabularies(mine: list[str], theirs: list[str]) -> None:
    assert copy_ratio(" ".join(mine), [" ".join(theirs)]) == 0.0


@pytest.mark.parametrize(
    ("text", "shown", "ratio"),
    [
        ("", [""], 0.0),
        ("one two three four five six seven", ["one two three four five six seven"], 0.0),
        (EIGHT, [], 0.0),
        (EIGHT.upper(), [EIGHT], 1.0),
        ("One, two: three (four) five-six\nseven *eight*", [EIGHT], 1.0),
        (f"{EIGHT} nine", [EIGHT], 0.5),
        (EIGHT, ["one two three four", "five six seven eight"], 0.0),
        ("four five six seven eight one two three", [EIGHT], 0.0),
        ("今天天气很好我们", ["我说今天天气很好我们去"], 1.0),
    ],
)
def test_copy_ratio_of_known_texts(text: str, shown: list[str], ratio: float) -> None:
    assert copy_ratio(text, shown) == ratio


def test_a_megabyte_of_text_takes_tens_of_megabytes_at_most() -> None:
    text = "".join(f"w{number} " for number in range(150_000))
    tracemalloc.start()
    assert copy_ratio(text, [text + "end"]) == 1.0
    assert distinct_2([text]) == 1.0
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60_000_000
