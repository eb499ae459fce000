"""Decks: the samples of a problem as candidates, whose answers are found and compared once for all runs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import msgspec

from app.answers.auto import Auto
from app.answers.clusters import Clusters
from app.answers.equivalence import Equivalence, UndecidedError
from app.candidates import Candidate, Question, Reply, Usage
from app.offload import Offload
from app.side_by_side import side_by_side
from app.workers.thinking import split_thinking

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.candidates import Answer
    from app.replay.recording import Recorded, Sample

PATIENCE_S = 3_600.0
"""Seconds that the comparisons of one problem may take altogether: nobody waits for an answer here."""

COMPARISON_S = 30.0
"""Seconds that one comparison may take: enough even on a busy machine, so that its load changes no result."""

_AUTO = Auto()


class Deck(msgspec.Struct, frozen=True, kw_only=True):
    """The samples of one problem by one model.

    `problem` is its text, the same in the decks of several models, however it is spaced. The candidates' indices are
    those of the recording; a run gives them others. `right` are the clusters whose answers are right. `undecided` is
    how many pairs of answers were taken for different without being compared.
    """

    place: str
    problem: str
    candidates: tuple[Candidate, ...]
    right: frozenset[int]
    undecided: int

    @property
    def mean_tokens(self) -> float:
        """The mean length of a sample."""
        return sum(candidate.usage.completion for candidate in self.candidates) / len(self.candidates)


async def make_decks(recordings: Sequence[Recorded], *, processes: int) -> list[Deck]:
    """Return the deck of each recording; what takes algebra is compared in so many processes."""
    async with Offload(max_workers=processes, max_waiting=len(recordings)) as offload:
        equivalence = Equivalence(offload, timeout_s=COMPARISON_S)
        return await side_by_side([partial(_deck, recorded, equivalence) for recorded in recordings])


async def _deck(recorded: Recorded, equivalence: Equivalence) -> Deck:
    problem = recorded.problem
    question = Question(messages=[{"role": "user", "content": problem.problem}])
    clusters = Clusters(equivalence, allowance_s=PATIENCE_S)
    first: dict[int, Answer] = {}
    candidates: list[Candidate] = []
    for index, sample in enumerate(problem.samples):
        answer = await _answer(sample, question)
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
    known = _boxed(str(problem.answer), question)
    same = [await _same(equivalence, known, answer) for answer in first.values()]
    return Deck(
        place=recorded.place,
        problem=" ".join(problem.problem.split()),
        candidates=tuple(candidates),
        right=frozenset(cluster for cluster, right in zip(first, same, strict=True) if right),
        undecided=clusters.undecided + same.count(None),
    )


async def _answer(sample: Sample, question: Question) -> Answer | None:
    """Return the sample's answer: the recorded one, or what its text gives where the recording leaves that open."""
    if isinstance(sample.answer, msgspec.UnsetType):
        thinking, text = split_thinking(sample.text or "")
        return await _AUTO.find(Reply(text=text, thinking=thinking), question)
    return _boxed(sample.given, question) if sample.given else None


def _boxed(text: str, question: Question) -> Answer | None:
    r"""Return the answer of a sample that ends in `\boxed{text}`."""
    return _AUTO.extract(Reply(text=rf"\boxed{{{text}}}"), question)


async def _same(equivalence: Equivalence, known: Answer | None, answer: Answer) -> bool | None:
    """Return whether the answer is the known one; None where that can't be told."""
    if known is None:
        return False
    try:
        return await equivalence.equivalent(known, answer)
    except UndecidedError:
        return None
