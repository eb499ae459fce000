from __future__ import annotations

from collections import Counter
from fractions import Fraction
from math import comb, isclose
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.aggregators.majority import Majority
from app.stopping.base import Progress
from app.stopping.certified import Certified
from app.tally import Tally
from tests.stopping.runs import board_of, lost, stopped, vote, votes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.candidates import Candidate


def evidence(mine: int, rival: int) -> Fraction:
    """Return 2^(a+b+1) times the integral of t^a (1-t)^b from 1/2 to 1, exactly."""
    terms = (
        Fraction((-1) ** k * comb(rival, k), mine + k + 1) * (1 - Fraction(1, 2 ** (mine + k + 1)))
        for k in range(rival + 1)
    )
    return 2 ** (mine + rival + 1) * sum(terms, Fraction(0))


def certified_by(clusters: Sequence[int | None], delta: float) -> set[int]:
    """Return every answer that these votes, in this order, certify at some time: straight from the definition."""
    counts: Counter[int] = Counter()
    found: set[int] = set()
    for cluster in clusters:
        if cluster is None:
            continue
        counts[cluster] += 1
        for rank, answer in enumerate(counts, 1):
            rival = max((votes for other, votes in counts.items() if other != answer), default=0)
            value, bar = evidence(counts[answer] - 1, rival), rank * (rank + 1) / delta
            if value >= bar and not isclose(value, bar):
                found.add(answer)
    return found


def certificates(arriving: Sequence[Candidate], delta: float) -> set[int]:
    """Return every answer with which a run could have ended at some time, if it had never been ended."""
    judge = Certified(delta=delta).begin()
    tally, accepted, found = Tally(), list[object](), set[int]()
    for candidate in arriving:
        if candidate.accepted:
            accepted.append(candidate)
            Majority().cast(candidate, tally)
        progress = Progress(latest=candidate, accepted=[], tally=tally, aggregator=Majority(), waiting=[9_999])
        if judge(progress):
            assert tally.leader is not None
            found.add(tally.leader)
    return found


def test_unanimous_votes_are_certified_when_the_evidence_is_there() -> None:
    assert stopped(board_of(Certified(delta=0.05)), votes(*[0] * 16)) == (9, "certified")
    assert stopped(board_of(Certified(delta=0.1)), votes(*[0] * 16)) == (8, "certified")


def test_the_second_answer_to_appear_needs_more() -> None:
    assert stopped(board_of(Certified(delta=0.1)), votes(1, *[0] * 16)) == (14, "certified")


def test_a_vote_that_overtakes_others_waits_for_those() -> None:
    late = [*votes(*[0] * 16)[1:], vote(0)]
    assert stopped(board_of(Certified(delta=0.1), 17), late) == (16, "certified")


def test_what_failed_or_has_no_answer_is_waited_for_and_counts_nothing() -> None:
    arriving = [*votes(*[0] * 10)[3:], vote(1, None), vote(2, 1, rejection="no answer found"), lost(0), vote(10)]
    assert stopped(board_of(Certified(delta=0.1)), arriving) == (11, "certified")


def test_a_certified_answer_has_to_lead_the_whole_vote_too() -> None:
    overtaking = [vote(index, 1) for index in range(20, 32)]
    assert stopped(board_of(Certified(delta=0.1)), [*overtaking, *votes(*[0] * 16)]) == (24, "certified")


@given(st.lists(st.none() | st.integers(0, 2), max_size=32), st.sampled_from([0.05, 0.1, 0.3, 0.49]))
def test_it_is_the_definition(clusters: list[int | None], delta: float) -> None:
    board = board_of(Certified(delta=delta), 33)
    found = certified_by(clusters, delta)
    end = stopped(board, votes(*clusters))
    if end:
        decided = Majority().decide(board.pool).winner.cluster
        assert certified_by(clusters[: end[0]], delta) == {decided}
        assert not certified_by(clusters[: end[0] - 1], delta)
    else:
        assert not found


@given(st.lists(st.none() | st.integers(0, 2), max_size=32), st.data())
def test_the_order_of_arrival_certifies_nothing_that_the_order_of_asking_does_not(
    clusters: list[int | None], data: st.DataObject
) -> None:
    arriving = data.draw(st.permutations(votes(*clusters)))
    assert certificates(arriving, 0.3) <= certified_by(clusters, 0.3)


POOLS = {
    "two as likely": (0.5, 0.5),
    "two close": (0.45, 0.55),
    "three as likely": (1 / 3, 1 / 3, 1 / 3),
    "close among many": (0.24, 0.28, 0.16, 0.16, 0.16),
    "a rare mode": (0.15, 0.15, 0.15, 0.15, 0.15, 0.25),
}


@pytest.mark.parametrize("shares", POOLS.values(), ids=POOLS)
@pytest.mark.parametrize("overtaking", [False, True])
def test_of_many_runs_no_more_than_delta_ever_certify_what_is_not_the_mode(
    shares: tuple[float, ...], *, overtaking: bool
) -> None:
    """Looked at after every vote. The mode is the last answer; where another is as likely, neither may be certified.

    `overtaking`: the wrong answers finish first, so that an early look sees nothing else.
    """
    delta, runs, chance = 0.2, 400, Random(7)
    unique = shares.count(max(shares)) == 1
    wrong = 0
    for _ in range(runs):
        drawn = votes(*chance.choices(range(len(shares)), shares, k=100))
        mode = len(shares) - 1
        arriving = sorted(drawn, key=lambda one: one.cluster == mode) if overtaking else drawn
        wrong += any(answer != mode or not unique for answer in certificates(arriving, delta))
    assert wrong <= delta * runs


def test_a_clear_mode_is_certified_in_most_runs() -> None:
    chance = Random(7)
    runs = [votes(*chance.choices(range(3), (0.7, 0.2, 0.1), k=64)) for _ in range(100)]
    assert sum(certificates(run, 0.05) == {0} for run in runs) > 80


@pytest.mark.parametrize("delta", [0.0, 0.5, 1.0, -0.1, float("nan")])
def test_a_delta_outside_of_0_to_one_half_is_refused(delta: float) -> None:
    with pytest.raises(ValidationError, match="delta"):
        Certified(delta=delta)
