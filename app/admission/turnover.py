"""How fast units come back."""

from __future__ import annotations

from math import exp, inf

LATELY_S = 60.0
"""Seconds after which what was seen counts for 1/e."""


class Turnover:
    """Measures how many units come back a second, for each that is held: their number over the unit-seconds held.

    Both fade by e in `LATELY_S`. Held against what was held, the rate is right also where little was in use until a
    moment ago, and time in which nothing was held says nothing. `now` is any clock's, in seconds.
    """

    __slots__ = ("_at", "_back", "_held_s")

    def __init__(self, now: float) -> None:
        self._at = now
        self._back = 0.0
        self._held_s = 0.0

    def note(self, now: float, held: int, back: int = 0) -> None:
        """Note that `held` units were held up to now, of which so many have just come `back`."""
        past = now - self._at
        faded = exp(-past / LATELY_S)
        self._held_s = self._held_s * faded + held * past
        self._back = self._back * faded + back
        self._at = now

    def seconds_for(self, units: int, held: int) -> float:
        """Return in how many seconds so many units come back, at the rate of lately, while `held` are held.

        One more is taken to be just about to come back: before any has, that is the best guess there is.
        """
        rate = held * (self._back + 1) / self._held_s if self._held_s else inf * held if held else 0.0
        return units / rate if rate else inf
