from __future__ import annotations

from fractions import Fraction
from itertools import permutations, product
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.tally import Tally

if TYPE_CHECKING:
    from random import Random

Vote = tuple[int, int, Fraction, int]

WEIGHTS = (
    st.sampled_from([Fraction(1), Fraction(1, 2)])
    | st.fractions(0, 1, max_denominator=12)
    | st.floats(0, 1).map(Fraction)
)
LENGTHS = st.integers(0, 3)


@st.composite
def elections(draw: st.DrawFn) -> tuple[list[Vote], list[int]]:
    """Return votes (cluster, index, weight, length) and the numbers of those who have yet to vote."""
    count = draw(st.integers(1, 9))
    numbers = draw(st.permutations(range(count)))
    back = draw(st.integers(0, count))
    lengths = draw(st.just(st.just(0)) | st.just(LENGTHS))
    votes = [(draw(st.integers(0, 3)), index, draw(WEIGHTS), draw(lengths)) for index in numbers[:back]]
    return votes, sorted(numbers[back:])


def tally_of(votes: list[Vote]) -> Tally:
    tally = Tally()
    for cluster, index, weight, length in votes:
        tally.add(cluster, index, weight, length)
    return tally


@given(elections(), st.randoms())
def test_the_order_of_counting_changes_nothing(election: tuple[list[Vote], list[int]], random: Random) -> None:
    votes, waiting = election
    mixed = list(votes)
    random.shuffle(mixed)
    one, other = tally_of(votes), tally_of(mixed)
    assert one.ranked() == other.ranked()
    assert one.votes == other.votes
    assert one.total == other.total == sum((weight for _, _, weight, _ in votes), Fraction(0))
    assert one.settled(waiting, Fraction(1)) == other.settled(waiting, Fraction(1))


@given(elections())
def test_most_votes_are_first_then_the_shortest_candidate_then_the_first_asked_for(
    election: tuple[list[Vote], list[int]],
) -> None:
    counted = [vote for vote in election[0] if vote[2]]
    of = {cluster: [vote for vote in counted if vote[0] == cluster] for cluster in {vote[0] for vote in counted}}

    def before(cluster: int) -> tuple[Fraction, int, int]:
        shortest = min(length for *_, length in of[cluster])
        first = min(index for _, index, _, length in of[cluster] if length == shortest)
        return -sum((weight for _, _, weight, _ in of[cluster]), Fraction(0)), shortest, first

    assert tally_of(election[0]).ranked() == sorted(of, key=before)


@given(elections())
def test_leader_and_runner_up_are_the_first_two(election: tuple[list[Vote], list[int]]) -> None:
    tally = tally_of(election[0])
    assert [tally.leader, tally.runner_up] == [*tally.ranked(), None, None][:2]
    assert [tally.lead, tally.second] == [*(tally.votes[one] for one in tally.ranked()), 0, 0][:2]


@given(elections(), st.data())
def test_a_settled_leader_wins_whatever_is_still_said(
    election: tuple[list[Vote], list[int]], data: st.DataObject
) -> None:
    votes, waiting = election
    tally = tally_of(votes)
    settled = tally.settled(waiting, Fraction(1))
    before = tally.ranked()[:1]
    for index in waiting:
        tally.add(data.draw(st.integers(0, 4)), index, data.draw(WEIGHTS), data.draw(LENGTHS))
    assert not settled or tally.ranked()[:1] == before


@given(elections())
def test_a_leader_that_is_not_settled_can_still_lose(election: tuple[list[Vote], list[int]]) -> None:
    votes, waiting = election
    tally = tally_of(votes)
    if not tally.votes or tally.settled(waiting, Fraction(1)):
        return
    leader = tally.ranked()[0]
    outcomes: set[int] = set()
    for rival in range(5):
        worst = tally_of([*votes, *((rival, index, Fraction(1), 0) for index in waiting)])
        outcomes.add(worst.ranked()[0])
    assert outcomes - {leader}


@pytest.mark.parametrize("lengths", list(product((0, 1), repeat=4)))
def test_in_every_election_of_four_who_was_settled_wins(lengths: tuple[int, ...]) -> None:
    for clusters, order in product(product(range(3), repeat=4), permutations(range(4))):
        tally, settled = Tally(), set[int | None]()
        for back, index in enumerate(order, 1):
            tally.add(clusters[index], index, 1, lengths[index])
            if tally.settled(sorted(order[back:]), 1):
                settled.add(tally.leader)
        assert settled == {tally.leader}


def test_nothing_is_settled_before_the_first_vote() -> None:
    assert not Tally().settled([0], Fraction(1))
    assert not Tally().settled([], Fraction(1))


def test_a_tie_goes_to_the_cluster_that_was_asked_for_first() -> None:
    one = Fraction(1)
    assert tally_of([(7, 3, one, 0), (5, 1, one, 0), (7, 0, one, 0), (5, 2, one, 0)]).ranked() == [7, 5]


def test_or_to_the_one_with_the_shortest_candidate_where_lengths_are_told() -> None:
    one = Fraction(1)
    assert tally_of([(7, 3, one, 9), (5, 1, one, 8), (7, 0, one, 9), (5, 2, one, 20)]).ranked() == [5, 7]
    assert tally_of([(7, 3, one, 8), (5, 1, one, 8), (7, 0, one, 9), (5, 2, one, 20)]).ranked() == [5, 7]
    assert tally_of([(7, 0, Fraction(0), 1), (7, 3, one, 8), (5, 1, one, 7)]).ranked() == [5, 7]


def test_a_weight_of_nothing_is_no_vote() -> None:
    tally = tally_of([(0, 0, Fraction(0), 0)])
    assert tally.ranked() == []
    assert tally.total == 0


def test_as_many_votes_are_enough_where_the_tie_is_the_leaders_anyway() -> None:
    assert tally_of([(0, 0, Fraction(1), 0)]).settled([1], Fraction(1))
    assert not tally_of([(0, 1, Fraction(1), 0)]).settled([0], Fraction(1))


def test_what_is_to_come_may_lend_the_runner_up_its_place() -> None:
    votes = [(0, 1, Fraction(1), 0), (0, 2, Fraction(1), 0), (1, 3, Fraction(1), 0)]
    assert not tally_of(votes).settled([0], Fraction(1))
    assert tally_of(votes).settled([4], Fraction(1))


def test_what_is_to_come_may_be_shorter_than_anything() -> None:
    assert not tally_of([(0, 0, Fraction(1), 1)]).settled([1], Fraction(1))
    assert tally_of([(0, 0, Fraction(1), 1), (0, 1, Fraction(1), 1)]).settled([2], Fraction(1))
