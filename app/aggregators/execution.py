"""Aggregator `execution`: programs that do the same vote together."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, Literal

import msgspec
from msgspec.structs import replace

from app.aggregators.base import Aggregator, by_index

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.candidates import Candidate, Decision
    from app.tally import Tally

FAILED = "!"
"""How the output of a program that gave none begins: it raised, timed out, or was never found.

What a program did return or print is behind a `=`, so that nothing it prints looks like this.
"""


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """Programs with equal outputs: the members, and what share of the tests each of them passes.

    Programs that gave the same outputs and pass different tests (asserts that see more than outputs do) are apart.
    """

    members: Sequence[Candidate]
    passed: Fraction

    @property
    def merit(self) -> tuple[Fraction, int, int]:
        """What behaviours compete by: (passed x sqrt(members)), squared to stay exact; then size; then the earliest."""
        return self.passed**2 * len(self.members), len(self.members), -self.members[0].index


class Execution(Aggregator):
    """The behaviour that most programs agree on and most tests confirm, as CodeT scores it (arXiv 2207.10397).

    Programs are clustered by what they output on the inputs of the verifier `tests`, whether an output is known to be
    right or not; a cluster scores the square root of its number of programs times the tests that they pass. Tests
    without an expected value only tell programs apart: where there are no others, what counts as passed is an input
    on which the program came to an output at all. Failed programs compete, too, as the tests may be wrong. `votes` are
    the programs that behave like the winner. Ties go to the larger cluster, then to the one asked for first.
    """

    type: Literal["execution"] = "execution"

    needs_outputs: ClassVar[bool] = True
    considers_failed: ClassVar[bool] = True

    def decide(self, pool: Sequence[Candidate]) -> Decision:
        """Return the decision over `pool`; programs that could not be run stand behind all others."""
        ranked = sorted(behaviours(pool), key=lambda one: one.merit, reverse=True)
        numbers = {member.index: number for number, one in enumerate(ranked) for member in one.members}
        return super().decide([replace(one, cluster=numbers.get(one.index)) for one in pool])

    def order(self, pool: Sequence[Candidate], tally: Tally) -> tuple[list[Candidate], bool]:  # noqa: ARG002
        """Return one program of each behaviour, best first, then the others; whether the best were equally good."""
        ranked = sorted(behaviours(pool), key=lambda one: one.merit, reverse=True)
        heads = [one.members[0] for one in ranked]
        chosen = {one.index for one in heads}
        tied = len(ranked) > 1 and ranked[0].merit[:-1] == ranked[1].merit[:-1]
        return heads + [one for one in by_index(pool) if one.index not in chosen], tied

    def settled(self, pool: Sequence[Candidate], tally: Tally, waiting: Sequence[int]) -> bool:  # noqa: ARG002
        """Whether nothing is to come: any program may join any behaviour."""
        return not waiting


def behaviours(pool: Sequence[Candidate]) -> list[Behaviour]:
    """Return the programs by what they do; those that were never run are in none."""
    groups: dict[tuple[tuple[str, ...], Fraction], list[Candidate]] = {}
    for candidate in by_index(pool):
        if candidate.verdict and (outputs := candidate.verdict.outputs):
            groups.setdefault((outputs, _passed(outputs, candidate)), []).append(candidate)
    return [Behaviour(members=members, passed=passed) for (_, passed), members in groups.items()]


def _passed(outputs: tuple[str, ...], member: Candidate) -> Fraction:
    """Return the share of tests passed; of inputs that led to an output, where no test expects anything."""
    passed, of = member.verdict.passed if member.verdict else (0, 0)
    if of:
        return Fraction(passed, of)
    return Fraction(sum(not output.startswith(FAILED) for output in outputs), len(outputs))
