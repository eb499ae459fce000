"""What a script can do with a request: answer it, or fail in one of the ways that engines fail.

Every fault that begins like an answer says how, by its `reply`; `after_chunks` is how many events of that stream still
go out. The first event of each choice only names its role.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from tests.scripted import render
from tests.scripted.reply import Reply
from tests.scripted.steps import Close, Hold, Pause, Send, Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.scripted.call import Call
    from tests.scripted.dialect import Dialect
    from tests.scripted.reply import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """An error status. The body is the engine's error object with `message`, unless `body` is given."""

    status: int = 500
    message: str = "The scripted upstream was told to fail."
    body: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage:
    """Bytes that aren't the protocol: as the body of a stream with status 200 or, `raw`, in place of any HTTP."""

    data: bytes = b"\x00\xff garbage"
    raw: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfBody:
    """The connection is closed in the middle of the answer."""

    reply: Reply = field(default_factory=Reply)
    after_chunks: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """The request is accepted and never answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """The answer begins and then nothing more comes; the connection stays open."""

    reply: Reply = field(default_factory=Reply)
    after_chunks: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """The connection is reset without an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HangUp:
    """The connection is closed in order without an answer: what a request on a connection just timed out meets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorInStream:
    """An error event in the middle of the stream and then `[DONE]`, as when an engine dies below its API server."""

    reply: Reply = field(default_factory=Reply)
    after_chunks: int = 1
    message: str = "EngineCore encountered an issue."


@dataclass(frozen=True, slots=True, kw_only=True)
class NoFinish:
    """The stream ends with `[DONE]` and no `finish_reason` was ever told."""

    reply: Reply = field(default_factory=Reply)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseIdle:
    """A proper answer, after which the connection is closed without having said so."""

    reply: Reply = field(default_factory=Reply)


Fault: TypeAlias = Status | Garbage | HalfBody | Silence | Stall | Reset | HangUp | ErrorInStream | NoFinish | CloseIdle
Action: TypeAlias = Reply | Fault
Unanswered: TypeAlias = Status | Garbage | Silence | Reset | HangUp


def steps(action: Action, call: Call, dialect: Dialect) -> Iterable[Step]:
    """Return what `action` does on the connection that `call` came in on."""
    match action:
        case Reply():
            return _answer(dialect, call, action)
        case CloseIdle():
            return [*_answer(dialect, call, action.reply), Close()]
        case HalfBody() | Stall():
            last = Close() if isinstance(action, HalfBody) else Hold()
            return [*_beginning(dialect, call, action.reply, action.after_chunks), last]
        case ErrorInStream():
            return _error_in_stream(dialect, call, action)
        case NoFinish():
            return _no_finish(dialect, call, action.reply)
        case _:
            return without_answer(action, dialect)


def without_answer(action: Unanswered, dialect: Dialect) -> list[Step]:
    """Return what `action`, which takes nothing from the request, does on its connection."""
    match action:
        case Status():
            return [Send(status(action, dialect))]
        case Garbage(raw=True):
            return [Send(action.data), Close()]
        case Garbage():
            return [Send(render.stream_head(dialect) + render.frame(action.data) + render.end())]
        case Silence():
            return [Hold()]
        case Reset():
            return [Close(reset=True)]
        case HangUp():
            return [Close()]


def status(action: Status, dialect: Dialect) -> bytes:
    """Return the whole answer of a `Status`."""
    body = action.body
    if body is None:
        body = msgspec.json.encode(dialect.error(action.status, action.message))
    return render.whole(dialect, action.status, body)


def refused(code: int, error: Json) -> Status:
    """Return an engine's own refusal as an action."""
    return Status(status=code, body=msgspec.json.encode(error))


def _answer(dialect: Dialect, call: Call, reply: Reply) -> Iterable[Step]:
    if reply.instant:
        return render.blocks(dialect, call, reply)
    parts = render.rendered(dialect, call, reply)
    return _paced([Send(parts.head), *parts.frames, Send(parts.end)], reply)


def _paced(sends: Iterable[Send], reply: Reply) -> Iterator[Step]:
    delay_s = reply.delay_first_s
    for send in sends:
        if send.tokens:
            if delay_s:
                yield Pause(delay_s)
            delay_s = reply.delay_per_chunk_s
        yield send


def _beginning(dialect: Dialect, call: Call, reply: Reply, chunks: int) -> Iterator[Step]:
    parts = render.rendered(dialect, call, reply)
    return _paced([Send(parts.head), *parts.frames[:chunks]], reply)


def _error_in_stream(dialect: Dialect, call: Call, action: ErrorInStream) -> list[Step]:
    error = dialect.error(500, action.message)
    if not call.stream:
        return [Send(render.whole(dialect, 500, msgspec.json.encode(error)))]
    begun = _beginning(dialect, call, action.reply, action.after_chunks)
    return [*begun, Send(render.event(error)), Send(render.end(render.DONE))]


def _no_finish(dialect: Dialect, call: Call, reply: Reply) -> list[Step]:
    parts = render.rendered(dialect, call, reply)
    unfinished = [send for send in parts.frames if not send.finishes]
    last = [] if call.stream else [Close()]  # half of a body that isn't streamed is all that is left
    return [*_paced([Send(parts.head), *unfinished, Send(parts.end)], reply), *last]
