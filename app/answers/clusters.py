"""Clusters: answers that mean the same, under one number."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from app.answers.equivalence import UndecidedError

if TYPE_CHECKING:
    from app.answers.equivalence import Equivalence
    from app.candidates import Answer, AnswerKind

MAX_COMPARISONS = 16
"""Comparisons that need work which one answer may cause."""

ALLOWANCE_S = 5.0
"""Seconds that all the comparisons of one run which need work may take, their waiting for a process included."""


class Clusters:
    """Numbers the answers of one run: those that are equivalent have one number, in the order of first appearance.

    An answer is compared with the first of each cluster. That makes clusters of what may be no equivalence relation,
    and so it may depend on the order of answers. What the bounds above cut off, or what breaks, counts as
    `undecided`, and the answers are taken for different as their keys are.
    """

    def __init__(self, equivalence: Equivalence, *, allowance_s: float = ALLOWANCE_S) -> None:
        self._equivalence = equivalence
        self._left_s = allowance_s
        self._undecided = 0
        self._by_key: dict[tuple[AnswerKind, str], int] = {}
        self._first: list[Answer] = []
        self._turn = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._first)

    @property
    def undecided(self) -> int:
        """How many pairs of answers that may mean the same were taken for different without being compared."""
        return self._undecided

    def knows(self, answer: Answer) -> bool:
        """Whether the answer's cluster is known without any work: what it is equivalent to shows in the keys."""
        if (answer.kind, answer.key) in self._by_key:
            return True
        return all(self._equivalence.known(answer, first) is not None for first in self._first)

    async def assign(self, answer: Answer) -> int:
        """Return the number of the answer's cluster; answers assigned at once take their turns.

        May be cancelled at any time; then the answer has no number, as though it had never been seen.
        """
        async with self._turn:
            key = answer.kind, answer.key
            if key not in self._by_key:
                number, undecided = await self._find(answer)
                if number == len(self._first):
                    self._first.append(answer)
                self._by_key[key] = number
                self._undecided += undecided
            return self._by_key[key]

    async def _find(self, answer: Answer) -> tuple[int, int]:
        """Return the number of the first cluster that is equivalent, or the next one, and the undecided on the way."""
        open_questions: list[int] = []
        for number, first in enumerate(self._first):
            known = self._equivalence.known(answer, first)
            if known:
                return number, 0
            if known is None:
                open_questions.append(number)
        undecided = 0
        for place, number in enumerate(open_questions):
            same = await self._compare(answer, self._first[number]) if place < MAX_COMPARISONS else None
            if same:
                return number, undecided
            undecided += same is None
        return len(self._first), undecided

    async def _compare(self, answer: Answer, first: Answer) -> bool | None:
        """Return whether the answers are equivalent; None where that is undecided. Pays out of the allowance."""
        if self._left_s <= 0:
            return None
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            return await self._equivalence.equivalent(answer, first, within_s=self._left_s)
        except UndecidedError:
            return None
        finally:
            self._left_s -= loop.time() - begun
