"""What a scripted answer does on its connection, one step after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Send:
    """Write `data`. `chunks` and `tokens` of the completion go with it; `finishes` marks a finish chunk."""

    data: bytes
    chunks: int = 0
    tokens: int = 0
    finishes: bool = False


@dataclass(frozen=True, slots=True)
class Pause:
    """Do nothing for so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Hold:
    """Do nothing until the client leaves."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection: in order, or with a reset that drops what is still on its way."""

    reset: bool = False


Step: TypeAlias = Send | Pause | Hold | Close
