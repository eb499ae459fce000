"""Recordings: files with the samples that a model gave for each problem, one problem a line (docs/replay.md)."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING, Annotated, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from app.replay.errors import RecordingError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

MAX_LINE_BYTES = 64 * 2**20
GZIP_MAGIC = b"\x1f\x8b"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

NO_ANSWER = frozenset({"", "ERR", "NO_ANSWER"})
"""What stands in a recording where no answer was found in the sample."""

Tokens: TypeAlias = Annotated[int, Meta(ge=1, le=10**9)]
Written: TypeAlias = str | int | float


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded completion.

    `answer` is None where none was found in it, and unset where the recording leaves it to be found in the `text`.
    Where both are set, the answer counts (`app.replay.answers`).
    """

    completion_tokens: Tokens
    answer: Written | UnsetType | None = UNSET
    text: str | None = None
    finish_reason: str = "stop"

    def __post_init__(self) -> None:
        if self.answer is UNSET and self.text is None:
            raise ValueError("a sample needs an `answer` or a `text`")

    @property
    def given(self) -> str | None:
        """The recorded answer as text; None where there is none."""
        text = "" if self.answer is UNSET or self.answer is None else str(self.answer).strip()
        return None if text in NO_ANSWER else text


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A question, the answer that is right, and what a model said to it so many times."""

    id: str | int
    problem: str
    answer: Written
    samples: Annotated[tuple[Sample, ...], Meta(min_length=1)]

    def __post_init__(self) -> None:
        if not str(self.answer).strip():
            raise ValueError("the `answer` that is right is blank")


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """A problem and the place where it stands, as `file:line`."""

    problem: Problem
    place: str


def read_recordings(files: Sequence[Path]) -> list[Recorded]:
    """Return the problems of all files, in their order. Raises `RecordingError`."""
    return [recorded for file in files for recorded in _read(file)]


def _read(file: Path) -> list[Recorded]:
    try:
        with file.open("rb") as raw:
            zipped = raw.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC)
            with gzip.GzipFile(fileobj=raw) if zipped else raw as lines:
                found = list(_problems(lines, file))  # pyright: ignore[reportArgumentType] - a GzipFile reads as a file does
    except IsADirectoryError as error:
        raise RecordingError(f"{file} is a directory; name the files in it") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise RecordingError(f"{file} is broken as a gzip file: {error}") from error
    except OSError as error:
        raise RecordingError(f"{file} can't be read: {error.strerror or error}") from error
    if not found:
        raise RecordingError(f"{file} holds no problem")
    return found


def _problems(lines: BinaryIO, file: Path) -> Iterator[Recorded]:
    decoder = msgspec.json.Decoder(Problem)
    number = 0
    while line := lines.readline(MAX_LINE_BYTES + 1):
        line = line.removeprefix(BYTE_ORDER_MARK) if number == 0 else line
        number += 1
        place = f"{file}:{number}"
        if len(line) > MAX_LINE_BYTES:
            raise RecordingError(f"{place}: the line is longer than {MAX_LINE_BYTES // 2**20} MiB")
        if line.strip():
            yield Recorded(problem=_decoded(decoder, line, place), place=place)


def _decoded(decoder: msgspec.json.Decoder[Problem], line: bytes, place: str) -> Problem:
    try:
        return decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecordingError(f"{place}: {error}") from error
