"""What a scripted model says, and how it comes apart into the pieces that a stream carries."""

from __future__ import annotations

import itertools
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.scripted.call import Call

Json: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A function call; `arguments` is JSON text."""

    name: str
    arguments: str = "{}"
    id: str = "call_0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Token counts that the upstream claims in place of the true ones."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A completion. A word with the white space before it is a token.

    Choice i of an `n` request says `texts[i % len(texts)]`. `finish_reason` defaults to `tool_calls` or `stop`, and is
    `length` where the request's `max_tokens` cuts the text short. `delay_first_s` passes before the first token and
    `delay_per_chunk_s` before every later one that is sent; with both 0 everything is written at once. `logprobs` are
    given to the tokens in turn. `reasoning_field` overrides the engine's name for the thinking.
    """

    texts: tuple[str, ...] = ("ok",)
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    tokens_per_chunk: int = 1
    delay_first_s: float = 0.0
    delay_per_chunk_s: float = 0.0
    logprobs: tuple[float, ...] = (-0.25,)
    usage: Usage | None = None
    reasoning_field: str | None = None

    @property
    def instant(self) -> bool:
        """Whether nothing delays the answer."""
        return not (self.delay_first_s or self.delay_per_chunk_s)


Kind = Literal["reasoning", "content", "tool_name", "tool_arguments"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One delta: `tokens` of one kind. `tool` is the position of the tool call that it belongs to."""

    kind: Kind
    tokens: tuple[str, ...]
    logprobs: tuple[float, ...]
    tool: int = 0

    @property
    def text(self) -> str:
        """The text of the tokens."""
        return "".join(self.tokens)

    def delta(self, reply: Reply, reasoning_field: str) -> Json:
        """Return the piece as a stream's `delta` writes it."""
        if self.kind == "content":
            return {"content": self.text}
        if self.kind == "reasoning":
            return {reply.reasoning_field or reasoning_field: self.text}
        return {"tool_calls": [self._tool_delta(reply.tool_calls[self.tool])]}

    def _tool_delta(self, call: ToolCall) -> Json:
        if self.kind == "tool_arguments":
            return {"index": self.tool, "function": {"arguments": self.text}}
        function = {"name": call.name, "arguments": ""}
        return {"index": self.tool, "id": call.id, "type": "function", "function": function}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One choice of an answer, in pieces."""

    index: int
    pieces: tuple[Piece, ...]
    finish_reason: str

    @property
    def tokens(self) -> int:
        """How many tokens the choice has."""
        return sum(len(piece.tokens) for piece in self.pieces)

    def message(self, reply: Reply, reasoning_field: str) -> Json:
        """Return the choice as the `message` of an answer that isn't streamed."""
        message: Json = {"role": "assistant", "content": self._text("content")}
        if reply.reasoning:
            message[reply.reasoning_field or reasoning_field] = self._text("reasoning")
        if reply.tool_calls:
            message["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in reply.tool_calls
            ]
        return message

    def _text(self, kind: Kind) -> str:
        return "".join(piece.text for piece in self.pieces if piece.kind == kind)


def choices(reply: Reply, call: Call) -> tuple[Choice, ...]:
    """Return the `n` choices that `reply` gives to `call`."""
    return tuple(_choice(reply, call, index) for index in range(call.n))


def words(text: str) -> tuple[str, ...]:
    """Return the tokens of `text`; joined, they are `text`."""
    return tuple(re.findall(r"\s*\S+|\s+\Z", text))


def _choice(reply: Reply, call: Call, index: int) -> Choice:
    left = call.max_tokens or sys.maxsize
    wanted = 0
    found: list[Piece] = []
    logprobs = itertools.cycle(reply.logprobs)
    for kind, tool, tokens in _segments(reply, index):
        wanted += len(tokens)
        taken, left = tokens[:left], max(0, left - len(tokens))
        for start in range(0, len(taken), reply.tokens_per_chunk):
            group = taken[start : start + reply.tokens_per_chunk]
            chances = tuple(itertools.islice(logprobs, len(group)))
            found.append(Piece(kind=kind, tool=tool, tokens=group, logprobs=chances))
    ends = reply.finish_reason or ("tool_calls" if reply.tool_calls else "stop")
    cut = call.max_tokens is not None and wanted > call.max_tokens
    return Choice(index=index, pieces=tuple(found), finish_reason="length" if cut else ends)


def _segments(reply: Reply, index: int) -> Iterator[tuple[Kind, int, tuple[str, ...]]]:
    yield "reasoning", 0, words(reply.reasoning)
    yield "content", 0, words(reply.texts[index % len(reply.texts)])
    for position, call in enumerate(reply.tool_calls):
        yield "tool_name", position, (call.name,)
        yield "tool_arguments", position, words(call.arguments)
