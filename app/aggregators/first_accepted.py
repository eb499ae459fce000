"""Aggregator `first_accepted`: the first candidate that nothing rejected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from app.aggregators.base import Aggregator, by_index

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.candidates import Candidate
    from app.tally import Tally


class FirstAccepted(Aggregator):
    """Rejection sampling's choice: the earliest candidate, in the order of asking, that was accepted."""

    type: Literal["first_accepted"] = "first_accepted"

    def order(self, pool: Sequence[Candidate], tally: Tally) -> tuple[list[Candidate], bool]:  # noqa: ARG002
        """Return the pool, accepted ones first, each part in the order of asking; there are no ties."""
        return sorted(by_index(pool), key=lambda candidate: not candidate.accepted), False

    def settled(self, pool: Sequence[Candidate], tally: Tally, waiting: Sequence[int]) -> bool:  # noqa: ARG002
        """Whether an accepted candidate stands before everything that is still to come."""
        return any(c.accepted and all(c.index < index for index in waiting) for c in pool)
