"""What a request for a completion asks of a replay worker."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from app.candidates import MAX_TOKENS, Message, Question

Count = Annotated[int, Meta(ge=1, le=MAX_TOKENS)]


class StreamOptions(msgspec.Struct, frozen=True):
    """Whether the stream tells what it has cost: at its end, and on every chunk."""

    include_usage: bool = False
    continuous_usage_stats: bool = False


class Asked(msgspec.Struct, frozen=True):
    """The fields that are looked at; all others change nothing, as the samples were drawn before."""

    model: str
    messages: list[Message]
    stream: bool = False
    stream_options: StreamOptions | None = None
    stream_interval: Count = 1
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    n: Annotated[int, Meta(ge=1, le=1)] | None = None

    @property
    def question(self) -> str:
        """The text of the last user message."""
        return Question(messages=self.messages).text

    @property
    def limit(self) -> int | None:
        """The most tokens of the completion; None where nobody said."""
        return self.max_completion_tokens or self.max_tokens
