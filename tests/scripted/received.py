"""The record of one request: what came in, what went out, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from tests.scripted.call import Call


class Ending(StrEnum):
    """How an answer ended."""

    FINISHED = "finished"
    """All that the script wanted to send was written."""
    CUT = "cut"
    """The script closed the connection."""
    CLIENT_CLOSED = "client closed"
    """The client left first: `sent_chunks` and `sent_tokens` say how far the answer had come."""


@dataclass(slots=True, kw_only=True)
class Received:
    """A chat completion request. Names of `headers` are in lower case; `number` counts from 0.

    `connection` numbers the connections of the upstream, so that it shows which requests shared one.
    """

    number: int
    connection: int
    headers: dict[str, str]
    raw: bytes
    call: Call
    seed: int | None
    sent_chunks: int = 0
    sent_tokens: int = 0
    sent_bytes: int = 0
    ending: Ending | None = None

    @property
    def body(self) -> dict[str, Any]:
        """The body as it came."""
        return msgspec.json.decode(self.raw, type=dict[str, Any])

    @property
    def in_flight(self) -> bool:
        """Whether the answer is still going on."""
        return self.ending is None
