"""The dealer: which recorded sample answers a request."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from app.replay.answers import is_said, question_of
from app.replay.worker.script import Script

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.replay.recording import Problem, Recorded


class Dealer:
    """Deals the samples of each problem in a random order, drawn from `seed`; none twice before all were dealt.

    A question is a problem's text or its id. Where several problems have the same, the first is dealt. What the samples
    say is found out when the dealer is made.
    """

    def __init__(self, recordings: Sequence[Recorded], *, seed: int) -> None:
        problems = [recorded.problem for recorded in recordings]
        self._scripts = [_scripts(problem) for problem in problems]
        self._numbers: dict[str, int] = {}
        for number, problem in enumerate(problems):
            for question in (problem.problem, str(problem.id)):
                self._numbers.setdefault(question.strip(), number)
        self._random = [Random(f"{seed}/{number}") for number in range(len(problems))]  # noqa: S311 - no secret
        self._left: list[list[Script]] = [[] for _ in problems]

    def deal(self, question: str) -> Script | None:
        """Return the words of the next sample for the question; None where it isn't recorded."""
        number = self._numbers.get(question.strip())
        if number is None:
            return None
        left = self._left[number]
        if not left:
            left.extend(self._scripts[number])
            self._random[number].shuffle(left)
        return left.pop()


def _scripts(problem: Problem) -> list[Script]:
    question = question_of(problem)
    return [Script(sample=sample, spoken=is_said(sample, question)) for sample in problem.samples]
