"""The bytes of a streamed completion: server-sent events, and the chunks inside them.

This is the hot path, run once a generated token. A line is cut out of the buffer once, a chunk is decoded straight
into the few fields that are used; everything else is skipped by the parser.

Of the standard for server-sent events, what no completion server sends is left out: events whose data is spread over
several lines, and lines that end in a carriage return alone. Where chunks have a null in place of an object or a list,
nothing was said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

import msgspec

from app.errors import WorkerGarbageError
from app.workers.refusal import ErrorFields, from_fields

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.errors import WorkerStatusError

MAX_LINE = 16 * 1024 * 1024
"""Bytes that one event may take; more is no completion chunk."""

MOST_TOKENS = 1_000_000_000
"""Tokens beyond which, as below 0, a worker's count is no count, and would spoil all that is reckoned with it."""

Tokens: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=MOST_TOKENS)]

DONE = b"[DONE]"
BOM = b"\xef\xbb\xbf"
BAD_GATEWAY = 502
FAILURES = range(400, 600)


class ToolCallDelta(msgspec.Struct):
    """A piece of a tool call: `index` says of which, where the worker tells."""

    class Function(msgspec.Struct):
        """A piece of the function's name or of its arguments."""

        name: str | None = None
        arguments: str | None = None

    index: int | None = None
    id: str | None = None
    function: Function | None = None


class Delta(msgspec.Struct):
    """What one chunk adds to a message; newer servers say `reasoning`, older ones `reasoning_content`."""

    content: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[ToolCallDelta] | None = None


class LogProbs(msgspec.Struct):
    """The sampled tokens' log-probabilities, one entry a token, each kept as its JSON."""

    content: list[msgspec.Raw] | None = None


class PromptDetails(msgspec.Struct):
    """Where the prompt's tokens came from."""

    cached_tokens: Tokens | None = None


class ChunkUsage(msgspec.Struct):
    """Token counts as the worker sends them."""

    prompt_tokens: Tokens | None = 0
    completion_tokens: Tokens | None = 0
    prompt_tokens_details: PromptDetails | None = None


class Choice(msgspec.Struct):
    """One choice of a chunk."""

    index: int = 0
    delta: Delta | None = None
    logprobs: LogProbs | None = None
    finish_reason: str | None = None


class Chunk(msgspec.Struct):
    """One event of the stream; an `error` in it ends the stream."""

    choices: list[Choice] | None = None
    usage: ChunkUsage | None = None
    error: ErrorFields | str | None = None


class Document(msgspec.Struct):
    """An answer that is no stream, of which only the price is read here."""

    usage: ChunkUsage | None = None


class RawChoice(msgspec.Struct):
    """One choice of a chunk, its contents as the JSON that they came in: what is only handed on."""

    index: int = 0
    delta: msgspec.Raw = msgspec.Raw(b"{}")
    logprobs: msgspec.Raw = msgspec.Raw(b"null")
    finish_reason: str | None = None


class RawChunk(msgspec.Struct):
    """One event of the stream, for handing on."""

    choices: list[RawChoice] | None = None


_decode_chunk = msgspec.json.Decoder(Chunk).decode
_decode_raw_chunk = msgspec.json.Decoder(RawChunk).decode


def usage_of(document: bytes | bytearray) -> ChunkUsage:
    """Return what a JSON answer says that it has cost; nothing where it doesn't say."""
    try:
        return msgspec.json.decode(document, type=Document).usage or ChunkUsage()
    except (msgspec.DecodeError, ValueError, RecursionError):
        return ChunkUsage()


def raw_choices(payload: bytes) -> list[RawChoice]:
    """Return the choices of an event that `ChunkReader` has found to be a chunk."""
    return _decode_raw_chunk(payload).choices or []


class ChunkReader:
    """Cuts a byte stream into chunks; `done` tells that it said `[DONE]`: whatever follows is not looked at."""

    __slots__ = ("_parts", "_size", "done")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self.done = False

    def feed(self, data: bytes) -> Iterator[tuple[Chunk, bytes]]:
        """Yield the chunks that `data` completes, each with the JSON that it came in.

        Raises `WorkerGarbageError` for what is not a chunk and `WorkerStatusError` for an error sent in the stream.
        """
        if b"\n" not in data:  # a long line in small pieces is put together once
            self._keep(data)
            return
        lines = b"".join((*self._parts, data)).split(b"\n") if self._parts else data.split(b"\n")
        self._parts, self._size = [], 0
        self._keep(lines.pop())
        for line in lines:
            if not line:
                continue
            payload = line[5:] if line.startswith(b"data:") else _data_of_other(line)
            if payload[-1:] != b"}":  # which is how chunks end
                payload = payload.strip()
                if payload == DONE:
                    self.done = True
                    return
                if not payload:
                    continue
            try:
                chunk = _decode_chunk(payload)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise WorkerGarbageError("the worker sent an event that is not a completion chunk") from error
            if chunk.error is not None:
                raise _refusal(chunk.error)
            yield chunk, payload

    def _keep(self, part: bytes) -> None:
        """Put the beginning of a line by until its end arrives."""
        if not part:
            return
        self._parts.append(part)
        self._size += len(part)
        if self._size > MAX_LINE:
            raise WorkerGarbageError("the worker sent an event of unreasonable length")

    def finish(self) -> Iterator[tuple[Chunk, bytes]]:
        """Yield the chunk of a last line that the worker didn't end."""
        return self.feed(b"\n")


def _data_of_other(line: bytes) -> bytes:
    """Return the data of a line that doesn't begin with its name: there may be a byte order mark in front of it."""
    line = line.removeprefix(BOM)
    if line.startswith(b"data:"):
        return line[5:]
    if line[:1] not in b":eir\r" and line.rstrip() != b"data":
        raise WorkerGarbageError("the worker's answer is not a stream of events")
    return b""


def _refusal(error: ErrorFields | str) -> WorkerStatusError:
    """Return the error that a worker has sent in its stream; its code is taken for a status where it may be one."""
    fields = ErrorFields(message=error) if isinstance(error, str) else error
    return from_fields(fields.code if isinstance(fields.code, int) and fields.code in FAILURES else BAD_GATEWAY, fields)
