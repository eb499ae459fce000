"""Regular expressions from strangers: compiled by RE2, which searches in time linear in the text, within bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

import re2  # pyright: ignore[reportMissingTypeStubs] - it has no types; the protocols below give it some

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_MEMORY = 2 * 2**20
"""Bytes that a compiled pattern and its caches may take where nobody asks for less."""


class Match(Protocol):
    """What is used of a match of RE2's; places are in bytes."""

    def start(self) -> int: ...  # noqa: D102 - as of `re`
    def end(self) -> int: ...  # noqa: D102 - as of `re`
    def group(self, group: int = 0) -> bytes | None: ...  # noqa: D102 - as of `re`


class Pattern(Protocol):
    """What is used of RE2's compiled pattern. `programsize` is its number of instructions: a character's worst case."""

    groups: int
    programsize: int

    def search(self, text: bytes) -> Match | None: ...  # noqa: D102 - as of `re`
    def finditer(self, text: bytes, pos: int) -> Iterator[Match]: ...  # noqa: D102 - as of `re`


class PatternError(ValueError):
    """The text is no regular expression that RE2 can run; `reason` is RE2's own word for what is wrong."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"not a regular expression that RE2 can run: {reason}")
        self.reason = reason


def compiled(pattern: str, *, max_memory: int = MAX_MEMORY) -> Pattern:
    """Return the compiled pattern; RE2 keeps the last 128.

    Raises `PatternError`, or UnicodeError for a text that has no UTF-8; both are ValueErrors.
    """
    options = re2.Options()
    options.max_mem = max_memory
    options.log_errors = False
    try:
        return cast("Pattern", re2.compile(pattern, options))  # pyright: ignore[reportUnknownMemberType]
    except cast("type[Exception]", re2.error) as error:  # pyright: ignore[reportUnknownMemberType]
        raise PatternError(_reason(error)) from error


def _reason(error: Exception) -> str:
    """Return RE2's message, which comes as bytes."""
    reason: object = error.args[0] if error.args else ""
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
