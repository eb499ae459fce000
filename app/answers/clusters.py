"""Clusters: answers that mean the same, under one number."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.answers.equivalence import Equivalence
    from app.candidates import Answer, AnswerKind

MAX_COMPARISONS = 16
"""Comparisons that need work which one answer may cause; after those it is a cluster of its own."""


class Clusters:
    """Numbers the answers of one run: those that are equivalent have one number, in the order of first appearance.

    An answer is compared with the first of each cluster. That makes clusters of what may be no equivalence relation,
    and so it may depend on the order of answers.
    """

    def __init__(self, equivalence: Equivalence) -> None:
        self._equivalence = equivalence
        self._by_key: dict[tuple[AnswerKind, str], int] = {}
        self._first: list[Answer] = []
        self._turn = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._first)

    async def assign(self, answer: Answer) -> int:
        """Return the number of the answer's cluster; answers assigned at once take their turns."""
        async with self._turn:
            key = answer.kind, answer.key
            if key not in self._by_key:
                self._by_key[key] = await self._find(answer)
            return self._by_key[key]

    async def _find(self, answer: Answer) -> int:
        """Return the number of the cluster whose first answer is equivalent, or that of a new cluster."""
        open_questions: list[int] = []
        for number, first in enumerate(self._first):
            known = self._equivalence.known(answer, first)
            if known:
                return number
            if known is None:
                open_questions.append(number)
        for number in open_questions[:MAX_COMPARISONS]:
            if await self._equivalence.equivalent(answer, self._first[number]):
                return number
        self._first.append(answer)
        return len(self._first) - 1
