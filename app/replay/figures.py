"""The results in figures: accuracy with intervals clustered by problem, tokens, time, and paired differences."""

from __future__ import annotations

from math import sqrt
from statistics import fmean, variance
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.replay.deck import Deck
    from app.replay.playing import Means
    from app.replay.policy import Policy

Z_95 = 1.959964
"""Standard errors on either side of a mean that hold 95% of a normal distribution."""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A mean over problems, and its standard error; None where one problem can't tell it.

    Problems are the clusters: runs over the same problem are alike, so the spread of the problems' own means is what
    counts, however many orders there were.
    """

    mean: float
    error: float | None

    @property
    def half_width(self) -> float | None:
        """Half of the 95% interval."""
        return None if self.error is None else Z_95 * self.error


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """What a policy came to over all problems.

    `accuracy`, `difference` (from the baseline, problem by problem) and `stopped` (runs that a stop rule ended early)
    are shares, 0..1. `tokens` are those of a mean run, `relative_tokens` over the baseline's. `relative_time` is the
    mean critical path over the mean length of a sample.
    """

    policy: Policy
    accuracy: Estimate
    difference: Estimate
    tokens: float
    relative_tokens: float
    relative_time: float
    stopped: float


def clustered(values: Sequence[float]) -> Estimate:
    """Return the mean of the problems' own means and its standard error."""
    error = sqrt(variance(values) / len(values)) if len(values) > 1 else None
    return Estimate(mean=fmean(values), error=error)


def score(
    policies: Sequence[Policy], decks: Sequence[Deck], played: Sequence[Sequence[Means]], baseline: int
) -> list[Score]:
    """Return the score of each policy, from what it came to on each deck; `baseline` is the number of one of them."""
    sample = fmean(deck.mean_tokens for deck in decks)
    base = [means[baseline] for means in played]
    return [_score(policy, [means[number] for means in played], base, sample) for number, policy in enumerate(policies)]


def _score(policy: Policy, means: Sequence[Means], base: Sequence[Means], sample: float) -> Score:
    tokens = fmean(one.tokens for one in means)
    return Score(
        policy=policy,
        accuracy=clustered([one.accuracy for one in means]),
        difference=clustered([one.accuracy - other.accuracy for one, other in zip(means, base, strict=True)]),
        tokens=tokens,
        relative_tokens=tokens / fmean(one.tokens for one in base),
        relative_time=fmean(one.time for one in means) / sample,
        stopped=fmean(one.stopped for one in means),
    )
