"""Student's t distribution, for whole degrees of freedom."""

from __future__ import annotations

from functools import lru_cache
from math import cos, pi, sin, sqrt, tan

HALVINGS = 60
"""Of the range that holds the quantile: more than a float can tell apart."""


@lru_cache(maxsize=64)
def central_quantile(share: float, freedom: int) -> float:
    """Return the t that has a `share` of the distribution between -t and t; `freedom` is at least 1."""
    low, high = 0.0, pi / 2
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < share else (low, middle)
    return sqrt(freedom) * tan(low)


def _within(angle: float, freedom: int) -> float:
    """Return the probability that |T| is at most sqrt(freedom) tan(angle): Abramowitz and Stegun, 26.7.3 and 26.7.4."""
    odd = freedom % 2
    term, total = sin(angle) * cos(angle) ** odd, 0.0
    for number in range(freedom // 2):
        total += term
        term *= cos(angle) ** 2 * (2 * number + 1 + odd) / (2 * number + 2 + odd)
    return 2 / pi * (angle + total) if odd else total
