"""Aggregator `last`: the candidate that was asked for last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from app.aggregators.base import Aggregator, by_index

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.candidates import Candidate
    from app.tally import Tally


class Last(Aggregator):
    """The final word of a refinement, the last round's (Self-Refine; Madaan et al., arXiv 2303.17651)."""

    type: Literal["last"] = "last"

    def order(self, pool: Sequence[Candidate], tally: Tally) -> tuple[list[Candidate], bool]:  # noqa: ARG002
        """Return the pool, latest first; there are no ties."""
        return by_index(pool)[::-1], False

    def settled(self, pool: Sequence[Candidate], tally: Tally, waiting: Sequence[int]) -> bool:  # noqa: ARG002
        """Whether nothing later is to come."""
        return bool(pool) and all(index < max(c.index for c in pool) for index in waiting)
