"""What a response is: right, an error that is documented, or one of the things that must not be."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from tests.chaos.questions import answer

DOCUMENTED = {
    ("all_candidates_failed", 502),
    ("overloaded", 503),
    ("no_worker", 503),
    ("unavailable", 503),
    ("deadline_exceeded", 504),
}
"""Codes and statuses that a request which is right itself can meet, by docs/api.md."""

OK = 200


class Fate(StrEnum):
    """What became of a request."""

    RIGHT = "right"
    ERROR = "error"
    """A documented one."""
    WRONG = "wrong"
    """An undocumented status or code, half an answer without an error, or the answer of another question."""
    LOST = "lost"
    """No answer, or one that was cut off."""
    DUPLICATE = "duplicate"
    """The answer came twice."""
    LEFT = "left"
    """The client didn't wait for it."""


class Judged(msgspec.Struct, frozen=True):
    """A fate, with the error's code, what else there is to say, and the id that the response bore."""

    fate: Fate
    detail: str = ""
    code: str = ""
    id: str | None = None


class Text(msgspec.Struct):
    content: str | None = None


class Choice(msgspec.Struct):
    message: Text | None = None
    delta: Text | None = None
    finish_reason: str | None = None

    @property
    def text(self) -> str:
        """What it says."""
        said = self.message or self.delta
        return (said and said.content) or ""


class Error(msgspec.Struct):
    message: str = ""
    code: str | None = None


class Body(msgspec.Struct):
    """A response, or a chunk of it."""

    id: str | None = None
    choices: list[Choice] = msgspec.field(default_factory=list["Choice"])
    error: Error | None = None


def judge(number: int, status: int, raw: bytes, *, streamed: bool) -> Judged:
    """Return what the response to the question `number` is."""
    stream = streamed and status == OK
    try:
        chunks, done = _events(raw) if stream else ([msgspec.json.decode(raw, type=Body)], True)
    except msgspec.MsgspecError as error:
        return Judged(Fate.WRONG, f"status {status}, not to be read: {error}: {raw[:200]!r}")
    if error := next((chunk.error for chunk in chunks if chunk.error), None):
        return _of_error(status, error, stream=stream)
    if status != OK:
        return Judged(Fate.WRONG, f"status {status} without an error: {raw[:200]!r}")
    return _of_answer(number, chunks, done=done)


def _of_error(status: int, error: Error, *, stream: bool) -> Judged:
    codes = {code for code, _ in DOCUMENTED}
    known = error.code in codes if stream else (error.code, status) in DOCUMENTED
    fate = Fate.ERROR if known else Fate.WRONG
    return Judged(fate, f"status {status}: {error.message}", code=error.code or "without a code")


def _of_answer(number: int, chunks: list[Body], *, done: bool) -> Judged:
    choices = [choice for chunk in chunks for choice in chunk.choices]
    said, wanted = "".join(choice.text for choice in choices), answer(number)
    ends = [choice.finish_reason for choice in choices if choice.finish_reason]
    if len(ends) > 1 or said.count(wanted) > 1:
        return Judged(Fate.DUPLICATE, said)
    if not done or ends != ["stop"]:
        return Judged(Fate.WRONG, f"half an answer: {said!r}, finished {ends}, [DONE] {done}")
    if said != wanted:
        return Judged(Fate.WRONG, f"{said!r} in place of {wanted!r}")
    return Judged(Fate.RIGHT, id=chunks[0].id)


def _events(raw: bytes) -> tuple[list[Body], bool]:
    """Return the events of a stream, and whether it was ended by `[DONE]`."""
    events = [line.removeprefix(b"data: ") for line in raw.split(b"\n") if line.startswith(b"data: ")]
    done = events[-1:] == [b"[DONE]"]
    return [msgspec.json.decode(event, type=Body) for event in (events[:-1] if done else events)], done
