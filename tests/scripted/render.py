"""A reply as the bytes of an HTTP/1.1 answer, encoded once for all equal calls."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from tests.scripted.steps import Send

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.scripted.call import Call
    from tests.scripted.dialect import Dialect
    from tests.scripted.reply import Reply

DONE = b"data: [DONE]\n\n"
_BLOCK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """An answer in the parts that faults take away or put between: `frames` are the events of the stream.

    An answer that isn't streamed has its body in two halves as its frames, and an empty `end`.
    """

    head: bytes
    frames: tuple[Send, ...]
    end: bytes


@lru_cache(maxsize=64)
def rendered(dialect: Dialect, call: Call, reply: Reply) -> Rendered:
    """Return the answer in its parts."""
    if not call.stream:
        return _whole(dialect, call, reply)
    frames = tuple(
        Send(event(chunk.payload), chunks=1, tokens=chunk.tokens, finishes=chunk.finishes)
        for chunk in dialect.chunks(call, reply)
    )
    return Rendered(head=stream_head(dialect), frames=frames, end=end(DONE))


@lru_cache(maxsize=64)
def blocks(dialect: Dialect, call: Call, reply: Reply) -> tuple[Send, ...]:
    """Return the answer in as few writes as leave the connection's flow control something to do."""
    parts = rendered(dialect, call, reply)
    return tuple(_merge([Send(parts.head), *parts.frames, Send(parts.end)]))


def stream_head(dialect: Dialect) -> bytes:
    """Return the head of a stream."""
    lines = ("Content-Type: text/event-stream; charset=utf-8", "Transfer-Encoding: chunked")
    return _head(HTTPStatus.OK, (*dialect.headers, *lines))


def whole(dialect: Dialect, status: int, body: bytes, content_type: str = "application/json") -> bytes:
    """Return an answer that has its length in its head."""
    lines = (f"Content-Type: {content_type}", f"Content-Length: {len(body)}")
    return _head(status, (*dialect.headers, *lines)) + body


def event(payload: object) -> bytes:
    """Return `payload` as one event of a stream, in an HTTP chunk of its own."""
    return frame(b"data: " + msgspec.json.encode(payload) + b"\n\n")


def frame(data: bytes) -> bytes:
    """Return `data` as an HTTP chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def end(last: bytes = b"") -> bytes:
    """Return the end of a stream, after `last` if there is such."""
    return (frame(last) if last else b"") + b"0\r\n\r\n"


def _whole(dialect: Dialect, call: Call, reply: Reply) -> Rendered:
    chunks = dialect.chunks(call, reply)
    body = msgspec.json.encode(dialect.completion(call, reply))
    half = len(body) // 2
    lines = ("Content-Type: application/json", f"Content-Length: {len(body)}")
    first = Send(body[:half], chunks=1, tokens=sum(chunk.tokens for chunk in chunks))
    frames = (first, Send(body[half:], chunks=1, finishes=True))
    return Rendered(head=_head(HTTPStatus.OK, (*dialect.headers, *lines)), frames=frames, end=b"")


def _head(status: int, lines: tuple[str, ...]) -> bytes:
    phrase = HTTPStatus(status).phrase
    return "\r\n".join((f"HTTP/1.1 {status} {phrase}", *lines, "", "")).encode()


def _merge(sends: list[Send]) -> Iterator[Send]:
    waiting: list[Send] = []
    size = 0
    for send in sends:
        waiting.append(send)
        size += len(send.data)
        if size >= _BLOCK_BYTES:
            yield _joined(waiting)
            waiting, size = [], 0
    if waiting:
        yield _joined(waiting)


def _joined(sends: list[Send]) -> Send:
    return Send(
        b"".join(send.data for send in sends),
        chunks=sum(send.chunks for send in sends),
        tokens=sum(send.tokens for send in sends),
        finishes=any(send.finishes for send in sends),
    )
