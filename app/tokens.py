"""Guesses at numbers of tokens, for budgets and estimates; what is reported is always what workers have counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from app.candidates import content_parts, plain_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.candidates import Message

TEMPLATE_TOKENS = 64
"""What a chat template adds by itself: a default system prompt, and the opening of the answer."""

TOKENS_A_MESSAGE = 8
TOKENS_A_PART = 1_000
"""The size of an image or another part that isn't text."""


IN_PROMPT = ("tools", "response_format")
"""Fields of a request that chat templates write into the prompt."""


def prompt_tokens(messages: Sequence[Message], fields: Mapping[str, object] | None = None) -> int:
    """Return an upper guess at the tokens of a conversation: a byte of text is at most one token.

    That holds for the byte-level vocabularies of today's models, in every language; English has four to five bytes
    a token. `fields` are the request's others; those that are written into the prompt count too.
    """
    said = sum(_message_tokens(message) for message in messages)
    return said + sum(_json_tokens(fields.get(name)) for name in IN_PROMPT) if fields else said


def _message_tokens(message: Message) -> int:
    return TOKENS_A_MESSAGE + _content_tokens(message.get("content")) + _json_tokens(message.get("tool_calls"))


def _content_tokens(content: object) -> int:
    others = sum("text" not in part for part in content_parts(content) or () if isinstance(part, dict))
    text = plain_text(content)
    return (len(text) if text.isascii() else len(text.encode(errors="replace"))) + others * TOKENS_A_PART


def _json_tokens(value: object) -> int:
    return len(msgspec.json.encode(value)) if value else 0
