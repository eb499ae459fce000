"""What a chaos run finds out, by phase."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from prometheus_client.parser import text_string_to_metric_families

from tests.bench.figures import percentile
from tests.chaos.judging import Fate, Judged
from tests.chaos.worker import Unwanted

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_NOTES = 20
"""Requests of each fate that are told of one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What has been counted up to some moment: by the gateway's metrics, and by the workers."""

    retries: int = 0
    hedges: int = 0
    ejections: int = 0
    serving: int = 0
    unwanted: Unwanted = field(default_factory=Unwanted)

    @classmethod
    def of(cls, metrics: str, unwanted: Sequence[Unwanted]) -> Self:
        """Return what the gateway's `/metrics` and the workers say."""
        sums = Counter[str]()
        for family in text_string_to_metric_families(metrics):
            for sample in family.samples:
                sums[sample.name] += int(sample.value)
        return cls(
            retries=sums["quorum_retries_total"],
            hedges=sums["quorum_hedges_total"],
            ejections=sums["quorum_worker_ejections_total"],
            serving=sums["quorum_worker_serving"],
            unwanted=Unwanted(sum(one.tokens for one in unwanted), sum(one.beyond for one in unwanted)),
        )


@dataclass(slots=True, kw_only=True)
class Row:
    """A phase: its requests by fate, its errors by code, and what was counted at its beginning and its end."""

    name: str
    fates: Counter[Fate] = field(default_factory=Counter[Fate])
    errors: Counter[str] = field(default_factory=Counter[str])
    latencies_s: list[float] = field(default_factory=list[float])
    before: Counts = field(default_factory=Counts)
    after: Counts = field(default_factory=Counts)

    @property
    def unwanted(self) -> Unwanted:
        """Tokens that were generated after their client had left."""
        before, after = self.before.unwanted, self.after.unwanted
        return Unwanted(after.tokens - before.tokens, after.beyond - before.beyond)

    def latency_s(self, share: float) -> float:
        """Return a percentile over the answers that were right."""
        return percentile(self.latencies_s, share)


class Figures:
    """The rows, and the first of what was not right, in words."""

    def __init__(self, phases: Sequence[str]) -> None:
        self.rows = [Row(name=name) for name in phases]
        self.notes: list[str] = []
        self._ids: set[str] = set()

    def book(self, phase: int, what: str, judged: Judged, seconds: float) -> None:
        """Put down what became of a request that was made in a phase; `what` is it in words."""
        if judged.id in self._ids:
            judged = Judged(Fate.DUPLICATE, f"the id {judged.id} of another answer")
        if judged.id:
            self._ids.add(judged.id)
        row = self.rows[phase]
        row.fates[judged.fate] += 1
        if judged.fate is Fate.RIGHT:
            row.latencies_s.append(seconds)
        elif judged.fate is Fate.ERROR:
            row.errors[judged.code] += 1
        if judged.fate not in {Fate.RIGHT, Fate.LEFT} and self.total(judged.fate) <= MOST_NOTES:
            code = f" {judged.code}" if judged.code else ""
            self.notes.append(f"{row.name}: {what} {judged.fate}{code} after {seconds:.1f} s: {judged.detail}")

    def total(self, fate: Fate) -> int:
        """Return the requests of that fate, over all phases."""
        return sum(row.fates[fate] for row in self.rows)

    @property
    def beyond(self) -> int:
        """Tokens after cancel, beyond one streamed piece a candidate."""
        return sum(row.unwanted.beyond for row in self.rows)

    @property
    def passed(self) -> bool:
        """Whether nothing happened that must not."""
        return not (self.total(Fate.LOST) or self.total(Fate.WRONG) or self.total(Fate.DUPLICATE) or self.beyond)
