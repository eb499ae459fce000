"""Guesses at numbers of tokens, for budgets and estimates; what is reported is always what workers have counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from app.candidates import content_parts, plain_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.candidates import Message

CHARACTERS_A_TOKEN = 3
TOKENS_A_MESSAGE = 8
TOKENS_A_PART = 1_000
"""The size of an image or another part that isn't text."""


IN_PROMPT = ("tools", "response_format")
"""Fields of a request that chat templates write into the prompt."""


def prompt_tokens(messages: Sequence[Message], fields: Mapping[str, object] | None = None) -> int:
    """Return a guess at the tokens of a conversation, on the safe side for English.

    `fields` are the request's others; those that are written into the prompt count too.
    """
    said = sum(_message_tokens(message) for message in messages)
    return said + sum(_json_tokens(fields.get(name)) for name in IN_PROMPT) if fields else said


def _message_tokens(message: Message) -> int:
    return TOKENS_A_MESSAGE + _content_tokens(message.get("content")) + _json_tokens(message.get("tool_calls"))


def _content_tokens(content: object) -> int:
    others = sum("text" not in part for part in content_parts(content) or () if isinstance(part, dict))
    return len(plain_text(content)) // CHARACTERS_A_TOKEN + others * TOKENS_A_PART


def _json_tokens(value: object) -> int:
    return len(msgspec.json.encode(value)) // CHARACTERS_A_TOKEN if value else 0
