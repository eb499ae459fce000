"""The account of a run: its tokens by what became of them, and what they cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from app.candidates import Fate, Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.candidates import Candidate
    from app.price import Price


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What a run cost. `usd` is None where the model has no configured price.

    `usage` is the sum over every call, `completion_by_fate` its completion tokens by fate. `saved_estimate` is how
    many completion tokens stopping early has spared, if what was not drawn to its end had been as long as the mean
    of what was.
    """

    usd: float | None
    usage: Usage
    completion_by_fate: Mapping[Fate, int]
    saved_estimate: int
    calls: int


def account(candidates: Sequence[Candidate], *, undrawn: int, calls: int, price: Price | None, busy_s: float) -> Cost:
    """Return the cost of a run whose candidates have their fates.

    `undrawn` candidates were never asked for because the run ended early; `busy_s` is the time in seconds during
    which any call was under way.
    """
    usage = sum((candidate.usage for candidate in candidates), Usage())
    by_fate = dict.fromkeys(Fate, 0)
    for candidate in candidates:
        by_fate[candidate.fate or Fate.FAILED] += candidate.usage.completion
    return Cost(
        usd=price.of(usage, busy_s) if price else None,
        usage=usage,
        completion_by_fate=by_fate,
        saved_estimate=_saved(candidates, undrawn),
        calls=calls,
    )


def _saved(candidates: Sequence[Candidate], undrawn: int) -> int:
    """Return the completion tokens spared, estimated by the mean of the finished candidates; 0 where none finished."""
    lengths = [c.usage.completion for c in candidates if c.finished and c.fate != Fate.CANCELLED]
    if not lengths:
        return 0
    mean = sum(lengths) / len(lengths)
    cut = [c.usage.completion for c in candidates if c.fate == Fate.CANCELLED]
    return round(sum(max(mean - length, 0.0) for length in cut) + undrawn * mean)
