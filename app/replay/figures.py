"""The results in figures: accuracy with intervals clustered by problem, tokens, time, and paired differences."""

from __future__ import annotations

from collections import defaultdict
from math import sqrt
from statistics import fmean
from typing import TYPE_CHECKING

import msgspec

from app.replay.student import central_quantile

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from app.replay.deck import Deck
    from app.replay.playing import Means
    from app.replay.policy import Policy

CONFIDENCE = 0.95


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A mean over rows of so many `clusters`, and its standard error; None where one cluster can't tell it."""

    mean: float
    error: float | None
    clusters: int

    @property
    def half_width(self) -> float | None:
        """Half of the 95% interval, by Student's t with a degree of freedom fewer than clusters."""
        return None if self.error is None else central_quantile(CONFIDENCE, self.clusters - 1) * self.error


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """What a policy came to over all decks, whose problems are the clusters of the intervals.

    `accuracy`, `difference` (from the baseline, deck by deck) and `stopped` (runs that a stop rule ended early)
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


def clustered(values: Sequence[float], clusters: Sequence[Hashable]) -> Estimate:
    """Return the mean of the rows' values and its standard error, robust to any likeness of rows in one cluster.

    With N rows in G clusters and the residuals e = value - mean, the squared error is
    G / (G - 1) * sum over clusters of (sum of the cluster's e)^2 / N^2 (Liang and Zeger, 1986, for a mean; CR1). Where
    all clusters have as many rows, that is the variance of their means over G.
    """
    mean = fmean(values)
    sums: defaultdict[Hashable, float] = defaultdict(float)
    for value, cluster in zip(values, clusters, strict=True):
        sums[cluster] += value - mean
    count = len(sums)
    squares = sum(one * one for one in sums.values())
    error = sqrt(count / (count - 1) * squares) / len(values) if count > 1 else None
    return Estimate(mean=mean, error=error, clusters=count)


def score(
    policies: Sequence[Policy], decks: Sequence[Deck], played: Sequence[Sequence[Means]], baseline: int
) -> list[Score]:
    """Return the score of each policy, from what it came to on each deck; `baseline` is the number of one of them."""
    base = [means[baseline] for means in played]
    return [_score(policy, decks, [means[number] for means in played], base) for number, policy in enumerate(policies)]


def _score(policy: Policy, decks: Sequence[Deck], means: Sequence[Means], base: Sequence[Means]) -> Score:
    tokens = fmean(one.tokens for one in means)
    problems = [deck.problem for deck in decks]
    differences = [one.accuracy - other.accuracy for one, other in zip(means, base, strict=True)]
    return Score(
        policy=policy,
        accuracy=clustered([one.accuracy for one in means], problems),
        difference=clustered(differences, problems),
        tokens=tokens,
        relative_tokens=tokens / fmean(one.tokens for one in base),
        relative_time=fmean(one.time for one in means) / fmean(deck.mean_tokens for deck in decks),
        stopped=fmean(one.stopped for one in means),
    )
