"""One completion while it is being generated: what has arrived, and how many tokens it has cost so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from app.candidates import Reply, ToolCall, Usage
from app.workers.thinking import split_thinking

if TYPE_CHECKING:
    from app.workers.wire import Choice, ChunkUsage, ToolCallDelta


class PartialCall(msgspec.Struct):
    """A tool call whose pieces are still arriving."""

    id: str = ""
    name: str = ""
    arguments: list[str] = []


class Completion(msgspec.Struct):
    """Gathers the chunks of one choice.

    `chunks` counts those that bear tokens and stands in for the token count until the worker has `told` it.
    """

    # Each struct gets a list of its own from msgspec. A factory `list[str]` would raise and swallow an error each time.

    content: list[str] = []
    reasoning: list[str] = []
    calls: dict[int, PartialCall] = {}
    logprobs: list[msgspec.Raw] = []
    chunks: int = 0
    finish_reason: str | None = None
    told: ChunkUsage | None = None

    @property
    def tokens(self) -> int:
        """Completion tokens so far: as the worker counted them, else as many as there were chunks."""
        return self.chunks if self.told is None else self.told.completion_tokens or 0

    @property
    def complete(self) -> bool:
        """Whether the model came to an end and the worker told the cost of it."""
        return self.finish_reason is not None and self.told is not None

    def add(self, choice: Choice) -> None:
        """Take in one chunk."""
        delta = choice.delta
        if delta is not None:
            thought = delta.reasoning or delta.reasoning_content
            if delta.content:
                self.content.append(delta.content)
            if thought:
                self.reasoning.append(thought)
            if delta.tool_calls:
                self._call(delta.tool_calls)
            if delta.content or thought or delta.tool_calls:
                self.chunks += 1
        if choice.logprobs is not None and choice.logprobs.content:
            self.logprobs += choice.logprobs.content
        if choice.finish_reason is not None:
            self.finish_reason = choice.finish_reason

    def _call(self, pieces: list[ToolCallDelta]) -> None:
        """Take in pieces of tool calls."""
        for piece in pieces:
            _extend(self.calls.setdefault(self._place(piece), PartialCall()), piece)

    def _place(self, piece: ToolCallDelta) -> int:
        """Return the number of the call that a piece belongs to: a new id or name begins one where it isn't told."""
        last = max(self.calls, default=None)
        if piece.index is not None or last is None:
            return piece.index or 0
        named = piece.function is not None and bool(piece.function.name)
        begins = piece.id != self.calls[last].id if piece.id else named
        return last + 1 if begins else last

    def count(self, usage: ChunkUsage) -> None:
        """Take in what the worker says it has cost so far; some say so in every chunk."""
        self.told = usage

    def spent(self) -> Usage:
        """Return the tokens that it has cost up to now."""
        if self.told is None:
            return Usage(completion=self.chunks)
        details = self.told.prompt_tokens_details
        return Usage(
            prompt=self.told.prompt_tokens or 0,
            cached=(details.cached_tokens or 0) if details else 0,
            completion=self.told.completion_tokens or 0,
        )

    def reply(self) -> Reply:
        """Return the message that the chunks make up; its text isn't searched for thinking that came as such."""
        content = "".join(self.content)
        thinking, text = ("".join(self.reasoning), content) if self.reasoning else split_thinking(content)
        calls = (self.calls[index] for index in sorted(self.calls))
        return Reply(
            text=text,
            thinking=thinking,
            tool_calls=tuple(ToolCall(id=c.id, name=c.name, arguments="".join(c.arguments)) for c in calls),
        )


def _extend(call: PartialCall, piece: ToolCallDelta) -> None:
    """Add a piece to a tool call; the id and the name come whole, the arguments in parts."""
    call.id = piece.id or call.id
    if piece.function is not None:
        call.name = piece.function.name or call.name
        call.arguments.append(piece.function.arguments or "")
