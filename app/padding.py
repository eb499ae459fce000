"""Irrelevant text of a wanted length in tokens: a control for experiments with long contexts."""

from __future__ import annotations

from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING

from app.candidates import content_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.candidates import Message

WORDS = (
    "one",
    "time",
    "day",
    "way",
    "man",
    "world",
    "life",
    "hand",
    "part",
    "place",
    "week",
    "case",
    "point",
    "work",
    "number",
    "night",
    "water",
    "room",
    "area",
    "money",
    "story",
    "month",
    "study",
    "book",
    "word",
    "business",
    "side",
    "kind",
    "head",
    "house",
    "service",
    "friend",
    "power",
    "hour",
    "game",
    "line",
    "member",
    "law",
    "car",
    "city",
    "name",
    "team",
    "minute",
    "idea",
    "body",
    "back",
    "face",
    "level",
    "door",
    "art",
    "war",
    "party",
    "morning",
    "reason",
    "research",
    "girl",
    "guy",
    "moment",
    "air",
)
"""Common words which, with the space before them, are a single token in the vocabularies of today's models."""

OPENING = "The following list of words has nothing to do with the question. Ignore it.\n"
CLOSING = "\nThe list ends here.\n\n"
FRAME_TOKENS = 112
"""At most what is around the words: opening, closing, and the turn that holds them where there was none."""

INSTRUCTING = frozenset({"system", "developer"})
"""Roles of the messages that stand before everything else."""


@lru_cache(maxsize=4)
def filler(tokens: int) -> str:
    """Return about `tokens` tokens of text without a message: always the same draws from `WORDS`.

    The draws look random at any length, so that no long phrase comes back which a model could continue by copying.
    The latest few lengths are remembered, as a run and its like ask for one again and again.
    """
    return " ".join(Random(0).choices(WORDS, k=tokens))  # noqa: S311 - irrelevant words guard no secret


def pad(messages: Sequence[Message], tokens: int) -> list[Message]:
    """Return the conversation with `tokens` tokens of filler before the text of its last user message.

    A conversation without a user message gets one behind its system prompt, so that the length is the wanted one in
    any case.
    """
    text = f"{OPENING}{filler(tokens)}{CLOSING}"
    for position in range(len(messages) - 1, -1, -1):
        message = messages[position]
        if message.get("role") == "user":
            return [*messages[:position], _with_text_before(message, text), *messages[position + 1 :]]
    place = next((at for at, one in enumerate(messages) if one.get("role") not in INSTRUCTING), len(messages))
    return [*messages[:place], {"role": "user", "content": text}, *messages[place:]]


def _with_text_before(message: Message, text: str) -> Message:
    """Return the message with `text` in front of its content."""
    content = message.get("content")
    parts = content_parts(content)
    joined = f"{text}{content or ''}" if parts is None else [{"type": "text", "text": text}, *parts]
    return {**message, "content": joined}
