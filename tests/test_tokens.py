from __future__ import annotations

from app.tokens import TOKENS_A_MESSAGE, TOKENS_A_PART, prompt_tokens


def test_text_counts_by_its_length() -> None:
    assert prompt_tokens([{"role": "user", "content": "x" * 300}]) == TOKENS_A_MESSAGE + 300


def test_parts_that_are_no_text_count_as_much_as_an_image() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:,"}}
    text = {"type": "text", "text": "abc"}
    assert prompt_tokens([{"role": "user", "content": [image, text]}]) == TOKENS_A_MESSAGE + TOKENS_A_PART + 3
    assert prompt_tokens([{"role": "assistant", "content": None}]) == TOKENS_A_MESSAGE


def test_calls_of_tools_count_by_their_length() -> None:
    called = {"id": "1", "type": "function", "function": {"name": "add", "arguments": "x" * 300}}
    assert prompt_tokens([{"role": "assistant", "content": None, "tool_calls": [called]}]) > TOKENS_A_MESSAGE + 300


def test_tools_and_the_wanted_shape_are_in_the_prompt_and_other_fields_are_not() -> None:
    assert prompt_tokens([], {"tools": [{"description": "x" * 300}], "user": "y" * 300}) in range(300, 360)
    assert prompt_tokens([], {"response_format": {"schema": "x" * 300}, "tools": None}) in range(300, 360)
    assert prompt_tokens([], {}) == 0


def test_no_language_has_more_tokens_than_bytes() -> None:
    assert prompt_tokens([{"role": "user", "content": "東京"}]) == TOKENS_A_MESSAGE + len("東京".encode())
