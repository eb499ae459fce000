"""Decks: the samples of a problem as candidates, whose answers are found and compared once for all runs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import msgspec

from app.answers.clusters import Clusters
from app.answers.equivalence import Equivalence, UndecidedError
from app.candidates import Candidate, Usage
from app.offload import Offload
from app.replay.answers import answer_of, question_of, right_answer
from app.side_by_side import side_by_side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.candidates import Answer
    from app.replay.recording import Recorded

PATIENCE_S = 3_600.0
"""Seconds that the comparisons of one problem may take altogether: nobody waits for an answer here."""

COMPARISON_S = 30.0
"""Seconds that one comparison may take: enough even on a busy machine, so that its load changes no result."""


class Deck(msgspec.Struct, frozen=True, kw_only=True):
    """The samples of one problem by one model.

    `text` is what was asked. The candidates' indices are those of the recording; a run gives them others. `right` are
    the clusters whose answers are right. `undecided` is how many pairs of answers were taken for different without
    being compared.
    """

    place: str
    text: str
    candidates: tuple[Candidate, ...]
    right: frozenset[int]
    undecided: int

    @property
    def problem(self) -> str:
        """What tells problems apart: the text, the same in the decks of several models, however it is spaced."""
        return " ".join(self.text.split())

    @property
    def mean_tokens(self) -> float:
        """The mean length of a sample."""
        return sum(candidate.usage.completion for candidate in self.candidates) / len(self.candidates)


async def make_decks(recordings: Sequence[Recorded], *, processes: int) -> list[Deck]:
    """Return the deck of each recording; what takes algebra is compared in so many processes.

    Raises `RecordingError` where the answer that is right can't be read.
    """
    async with Offload(max_workers=processes, max_waiting=len(recordings)) as offload:
        equivalence = Equivalence(offload, timeout_s=COMPARISON_S)
        return await side_by_side([partial(_deck, recorded, equivalence) for recorded in recordings])


async def _deck(recorded: Recorded, equivalence: Equivalence) -> Deck:
    problem = recorded.problem
    question = question_of(problem)
    known = right_answer(recorded, question)
    clusters = Clusters(equivalence, allowance_s=PATIENCE_S)
    first: dict[int, Answer] = {}
    candidates: list[Candidate] = []
    for index, sample in enumerate(problem.samples):
        answer = await answer_of(sample, question)
        cluster = None if answer is None else await clusters.assign(answer)
        if answer is not None and cluster is not None:
            first.setdefault(cluster, answer)
        candidates.append(
            Candidate(
                index=index,
                finish_reason=sample.finish_reason,
                usage=Usage(completion=sample.completion_tokens),
                answer=answer,
                cluster=cluster,
            )
        )
    same = [await _same(equivalence, known, answer) for answer in first.values()]
    return Deck(
        place=recorded.place,
        text=problem.problem,
        candidates=tuple(candidates),
        right=frozenset(cluster for cluster, right in zip(first, same, strict=True) if right),
        undecided=clusters.undecided + same.count(None),
    )


async def _same(equivalence: Equivalence, known: Answer, answer: Answer) -> bool | None:
    """Return whether the answer is the known one; None where that can't be told."""
    try:
        return await equivalence.equivalent(known, answer)
    except UndecidedError:
        return None
