"""The priorities that a request can ask for."""

from __future__ import annotations

from enum import IntEnum

from app.errors import InvalidRequestError

PRIORITY_HEADER = "X-Quorum-Priority"


class Priority(IntEnum):
    """How soon a request's turn comes while others wait; the lower, the sooner."""

    HIGH = 0
    NORMAL = 1
    LOW = 2

    @property
    def word(self) -> str:
        """The priority as requests write it."""
        return self.name.lower()


_BY_WORD = {priority.word: priority for priority in Priority}


def priority_of(header: str | None) -> Priority:
    """Return what the header asks for, `normal` where there is none. Raises `InvalidRequestError`."""
    if header is None:
        return Priority.NORMAL
    try:
        return _BY_WORD[header.strip().lower()]
    except KeyError:
        raise InvalidRequestError(
            f"{PRIORITY_HEADER} is {header[:100]!r}; valid are {', '.join(_BY_WORD)}", param=PRIORITY_HEADER
        ) from None
