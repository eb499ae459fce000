"""Diversity of the answers: how many there are, and how evenly the candidates spread over them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def distinct_answers(clusters: Iterable[int | None]) -> int:
    """Return the number of different clusters; None, a candidate without an answer, is not one."""
    return len(_sizes(clusters))


def answer_entropy(clusters: Iterable[int | None]) -> float | None:
    """Return -Σ p log p over the clusters' shares p, in nats; None where no candidate has an answer."""
    sizes = _sizes(clusters)
    if not sizes:
        return None
    total = sum(sizes.values())
    return math.fsum(size / total * math.log(total / size) for size in sizes.values())


def _sizes(clusters: Iterable[int | None]) -> dict[int, int]:
    """Count the candidates of each cluster."""
    sizes: dict[int, int] = {}
    for cluster in clusters:
        if cluster is not None:
            sizes[cluster] = sizes.get(cluster, 0) + 1
    return sizes
