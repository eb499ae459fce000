"""The pace at which a worker speaks."""

from __future__ import annotations

from math import ceil

import msgspec

SPACING_S = 0.02
"""Seconds between two pieces of one completion, at least: more of them would keep the machine busy with speaking."""


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How fast each completion comes: `speedup` times `tokens_per_second`, however many there are.

    Sped up, pieces come as often as they would without it, and hold so many times the tokens: what reads them has as
    much to do in a second as it has with a worker of that many tokens a second.
    """

    tokens_per_second: float
    speedup: float = 1.0

    @property
    def rate(self) -> float:
        """Tokens a second."""
        return self.tokens_per_second * self.speedup

    def piece(self, interval: int) -> int:
        """Return the tokens of a piece, where `interval` of them were asked for."""
        return max(interval, ceil(interval * self.speedup), ceil(self.rate * SPACING_S))
