"""The dealer: which recorded sample answers a request."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.replay.recording import Recorded, Sample


class Dealer:
    """Deals the samples of each problem in a random order, drawn from `seed`; none twice before all were dealt.

    A question is a problem's text or its id. Where several problems have the same, the first is dealt.
    """

    def __init__(self, recordings: Sequence[Recorded], *, seed: int) -> None:
        self._problems = [recorded.problem for recorded in recordings]
        self._numbers: dict[str, int] = {}
        for number, problem in enumerate(self._problems):
            for question in (problem.problem, str(problem.id)):
                self._numbers.setdefault(question.strip(), number)
        self._random = [Random(f"{seed}/{number}") for number in range(len(self._problems))]  # noqa: S311 - no secret
        self._left: list[list[Sample]] = [[] for _ in self._problems]

    def deal(self, question: str) -> Sample | None:
        """Return the next sample for the question; None where it isn't recorded."""
        number = self._numbers.get(question.strip())
        if number is None:
            return None
        left = self._left[number]
        if not left:
            left.extend(self._problems[number].samples)
            self._random[number].shuffle(left)
        return left.pop()
