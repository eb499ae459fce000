"""Keeping the books while answers are played."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.scripted.dialect import ANSWER_ID
from tests.scripted.received import Ending, Received

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.scripted.steps import Send

_ID = ANSWER_ID.encode()
_ID_DIGITS = ANSWER_ID.count("#")


@dataclass(slots=True, kw_only=True)
class Totals:
    """Sums over all chat completion requests so far."""

    requests: int = 0
    chunks: int = 0
    tokens: int = 0
    bytes: int = 0
    in_flight: int = 0
    endings: dict[Ending, int] = field(default_factory=lambda: dict.fromkeys(Ending, 0))


class Watched:
    """Books what is sent under its request and in the totals, and gives the answer its id."""

    def __init__(self, received: Received, totals: Totals, changed: Callable[[], None]) -> None:
        self._received = received
        self._totals = totals
        self._changed = changed
        self._id = _ID.replace(b"#" * _ID_DIGITS, b"%0*d" % (_ID_DIGITS, received.number))
        totals.requests += 1
        totals.in_flight += 1

    def sent(self, step: Send) -> bytes:
        """Count the step."""
        received, totals = self._received, self._totals
        received.sent_chunks += step.chunks
        received.sent_tokens += step.tokens
        received.sent_bytes += len(step.data)
        totals.chunks += step.chunks
        totals.tokens += step.tokens
        totals.bytes += len(step.data)
        self._changed()
        return step.data.replace(_ID, self._id)

    def ended(self, ending: Ending) -> None:
        """Note the ending."""
        self._received.ending = ending
        self._totals.in_flight -= 1
        self._totals.endings[ending] += 1
        self._changed()


class Unwatched:
    """Takes no notes."""

    def sent(self, step: Send) -> bytes:
        """Return the bytes as they are."""
        return step.data

    def ended(self, ending: Ending) -> None:
        """Do nothing."""
