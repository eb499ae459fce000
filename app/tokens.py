"""Guesses at numbers of tokens, for budgets and estimates; what is reported is always what workers have counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.candidates import content_parts, plain_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.candidates import Message

CHARACTERS_A_TOKEN = 3
TOKENS_A_MESSAGE = 8
TOKENS_A_PART = 1_000
"""The size of an image or another part that isn't text."""


def prompt_tokens(messages: Sequence[Message]) -> int:
    """Return a guess at the tokens of a conversation, on the safe side for English."""
    return sum(TOKENS_A_MESSAGE + _content_tokens(message.get("content")) for message in messages)


def _content_tokens(content: object) -> int:
    others = sum("text" not in part for part in content_parts(content) or () if isinstance(part, dict))
    return len(plain_text(content)) // CHARACTERS_A_TOKEN + others * TOKENS_A_PART
