"""What the aggregators that count votes share: clusters of equal answers compete, and the largest weight wins."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from app.aggregators.base import Aggregator, by_index

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.candidates import Candidate
    from app.tally import Tally


class Voting(Aggregator):
    """Ranks one representative of each cluster by the cluster's votes, then everybody else.

    A cluster is represented by its heaviest vote, among equals by the candidate asked for first. A tie between
    clusters goes to the one whose earliest candidate was asked for first, and is reported as `tied`.
    """

    def order(self, pool: Sequence[Candidate], tally: Tally) -> tuple[list[Candidate], bool]:
        """Return representatives of the clusters by votes, then the other candidates by their cluster's votes."""
        clusters = tally.ranked()
        place = {cluster: rank for rank, cluster in enumerate(clusters)}
        best_first = sorted(by_index(pool), key=lambda c: (place.get(_cluster(c), len(place)), -self.weight(c)))
        seen: set[int] = set()
        heads: list[Candidate] = []
        rest: list[Candidate] = []
        for candidate in best_first:
            cluster = _cluster(candidate)
            is_head = cluster in place and cluster not in seen
            (heads if is_head else rest).append(candidate)
            seen.add(cluster)
        tied = len(clusters) > 1 and tally.votes[clusters[0]] == tally.votes[clusters[1]]
        return heads + rest, tied

    def settled(self, pool: Sequence[Candidate], tally: Tally, waiting: Sequence[int]) -> bool:  # noqa: ARG002
        """Whether the leading cluster stays ahead even if every waiting candidate votes for one rival."""
        return tally.settled(waiting, self.heaviest)


class ByVote(Voting):
    """Goes by that vote alone, in which `ties` may go to the cluster with the shortest candidate, too.

    Of several samples of one problem the short ones are right more often than the long (short-m@k, arXiv 2505.17813).
    Among those as short it is the one asked for first.
    """

    votes: ClassVar[bool] = True

    ties: Literal["asked", "shortest"] = Field(
        default="asked",
        description="Which of answers with equal votes wins: the one asked for first, or the one with the shortest "
        "candidate (fewest completion tokens).",
    )

    def length(self, candidate: Candidate) -> int:
        """Return its completion tokens where ties go by them."""
        return candidate.usage.completion if self.ties == "shortest" else 0


def _cluster(candidate: Candidate) -> int:
    """Return the candidate's cluster, or -1 for one without an answer."""
    return -1 if candidate.cluster is None else candidate.cluster
