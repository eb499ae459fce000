"""A budget for calls that are made a second time, so that trouble isn't answered with a storm."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

RETRY_SHARE, RETRY_BURST = 0.2, 100.0
"""Calls that failed and may be made anew, where nothing else is said: this share of all calls, so many at once."""

RETRIES_A_S = 1.0
"""Retries a second beside the share of all calls, so that a quiet server may retry, too."""

HEDGE_SHARE, HEDGE_BURST = 0.05, 20.0
"""The same of calls that are made a second time because the first is far behind."""


class Allowance:
    """Lets a `share` of all calls be repeated, and `per_s` a second beside, up to `burst` at once.

    A token bucket: each call puts `share` in, each second `per_s`, each repetition takes one out. Over any stretch of
    time repetitions are thus at most `share` of the calls, `per_s` times its seconds, and `burst` (Finagle's retry
    budget).
    """

    def __init__(
        self, *, share: float, burst: float, per_s: float = 0.0, clock: Callable[[], float] = monotonic
    ) -> None:
        self.taken = 0
        self._share = share
        self._burst = burst
        self._per_s = per_s
        self._clock = clock
        self._left = burst
        self._seen = clock()

    def deposit(self, calls: int = 1) -> None:
        """Note calls that are made for the first time."""
        self._left = min(self._burst, self._left + self._share * calls)

    @property
    def left(self) -> int:
        """How many calls may be repeated now."""
        now = self._clock()
        self._left = min(self._burst, self._left + self._per_s * (now - self._seen))
        self._seen = now
        return int(self._left)

    def take(self, calls: int = 1) -> bool:
        """Return whether so many calls may be repeated; if so they are taken out."""
        if self.left < calls:
            return False
        self._left -= calls
        self.taken += calls
        return True
