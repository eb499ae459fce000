from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from app.candidates import plain_text
from app.padding import CLOSING, FRAME_TOKENS, OPENING, WORDS, filler, pad
from app.tokens import prompt_tokens

if TYPE_CHECKING:
    from app.candidates import Message

TEXTS = st.text(max_size=20)
CONTENTS = TEXTS | st.none() | st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": TEXTS}), max_size=3)
MESSAGES: st.SearchStrategy[Message] = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool"]), "content": CONTENTS},
    optional={"name": TEXTS, "tool_call_id": TEXTS},
)
CONVERSATIONS = st.lists(MESSAGES, min_size=1, max_size=6)
TOKENS = st.integers(1, 300)


@given(TOKENS)
def test_filler_has_a_word_a_token_and_grows_at_its_end(tokens: int) -> None:
    words = filler(tokens).split(" ")
    assert len(words) == tokens
    assert set(words) <= set(WORDS)
    assert filler(tokens + 5).startswith(filler(tokens))


def test_no_phrase_of_long_filler_comes_back() -> None:
    words = filler(30_000).split()
    phrases = [" ".join(words[start : start + 8]) for start in range(len(words) - 7)]
    assert len(set(phrases)) == len(phrases)


@given(CONVERSATIONS, TOKENS)
def test_only_the_last_turn_of_the_user_is_padded_and_keeps_what_it_said(messages: list[Message], tokens: int) -> None:
    turns = [place for place, message in enumerate(messages) if message["role"] == "user"]
    padded = pad(messages, tokens)
    if not turns:
        place = next((at for at, one in enumerate(messages) if one["role"] != "system"), len(messages))
        assert [*padded[:place], *padded[place + 1 :]] == messages
        assert padded[place]["role"] == "user"
        return
    place = turns[-1]
    assert [one for at, one in enumerate(padded) if at != place] == [m for at, m in enumerate(messages) if at != place]
    assert {**padded[place], "content": None} == {**messages[place], "content": None}
    text = plain_text(padded[place]["content"])
    assert text.startswith(f"{OPENING}{filler(tokens)}{CLOSING}")
    assert text.endswith(plain_text(messages[place]["content"]))


def test_images_survive_padding() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:,"}}
    (padded,) = pad([{"role": "user", "content": [image, {"type": "text", "text": "What is it?"}]}], 3)
    content = padded["content"]
    assert isinstance(content, list)
    assert content[1:] == [image, {"type": "text", "text": "What is it?"}]


@given(CONVERSATIONS, TOKENS)
def test_the_callers_messages_are_left_as_they_were(messages: list[Message], tokens: int) -> None:
    before = [dict(message) for message in messages]
    pad(messages, tokens)
    assert messages == before


def test_the_frame_around_the_words_is_within_its_allowance() -> None:
    assert prompt_tokens([{"role": "user", "content": OPENING + CLOSING}]) <= FRAME_TOKENS
