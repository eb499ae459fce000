from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.aggregators.majority import Majority
from app.candidates import Candidate, Usage, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence


def pool_of(*clusters: int | None) -> list[Candidate]:
    return [Candidate(index=i, finish_reason="stop", cluster=cluster) for i, cluster in enumerate(clusters)]


def ids(candidates: Sequence[Candidate]) -> list[str]:
    return [candidate.id for candidate in candidates]


def test_the_most_frequent_answer_wins_and_the_account_of_the_vote_is_exact() -> None:
    decision = Majority().decide(pool_of(0, 1, 1, None, 2, 1))
    assert decision.aggregator == "majority"
    assert decision.winner.id == "c1"
    assert (decision.votes, decision.of, decision.margin) == (3, 5, 2)
    assert decision.agreement == 0.6
    assert not decision.tied


def test_a_tie_goes_to_the_answer_that_was_asked_for_first_and_is_reported() -> None:
    decision = Majority().decide(pool_of(4, 2, 2, 4))
    assert decision.winner.id == "c0"
    assert decision.tied
    assert decision.margin == 0


def of_lengths(*votes: tuple[int | None, int]) -> list[Candidate]:
    return [
        Candidate(index=i, finish_reason="stop", cluster=cluster, usage=Usage(completion=length))
        for i, (cluster, length) in enumerate(votes)
    ]


def test_a_tie_may_go_to_the_answer_with_the_shortest_candidate_instead_and_is_reported_all_the_same() -> None:
    pool = of_lengths((4, 90), (2, 80), (2, 70), (4, 75), (None, 5))
    assert Majority().decide(pool).winner.id == "c0"
    decision = Majority(ties="shortest").decide(pool)
    assert decision.tied
    assert (decision.winner.id, decision.votes, decision.margin) == ("c1", 2, 0)
    assert ids(decision.ranking) == ["c1", "c0", "c2", "c3", "c4"]


def test_of_answers_that_are_as_short_the_one_asked_for_first_wins_a_tie() -> None:
    pool = of_lengths((4, 90), (2, 70), (4, 70), (2, 80))
    assert Majority(ties="shortest").decide(pool).winner.cluster == 2


def test_more_votes_beat_shorter_ones() -> None:
    decision = Majority(ties="shortest").decide(of_lengths((0, 1), (1, 90), (1, 80)))
    assert (decision.winner.cluster, decision.tied) == (1, False)


def test_several_answers_are_different_ones_before_the_first_repeats() -> None:
    assert ids(Majority().decide(pool_of(0, 0, None, 1, 0, 1)).ranking) == ["c0", "c3", "c1", "c4", "c5", "c2"]


def test_without_any_answer_the_first_candidate_is_returned_with_no_votes() -> None:
    decision = Majority().decide(pool_of(None, None))
    assert decision.winner.id == "c0"
    assert (decision.votes, decision.of, decision.agreement) == (0, 0, 0)
    assert not decision.tied


def test_scores_do_not_sway_a_vote() -> None:
    pool = [
        Candidate(index=0, cluster=0, verdict=Verdict(status="fail", score=0.0)),
        Candidate(index=1, cluster=1, verdict=Verdict(status="pass", score=1.0)),
        Candidate(index=2, cluster=0, verdict=Verdict(status="fail", score=0.0)),
    ]
    assert Majority().decide(pool).winner.cluster == 0


@pytest.mark.parametrize("rule", [Majority(), Majority(ties="shortest")], ids=["asked", "shortest"])
@given(
    votes=st.lists(st.tuples(st.none() | st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=10),
    data=st.data(),
)
def test_the_decision_does_not_depend_on_the_order_of_arrival(
    rule: Majority, votes: list[tuple[int | None, int]], data: st.DataObject
) -> None:
    pool = of_lengths(*votes)
    decision = rule.decide(pool)
    assert rule.decide(data.draw(st.permutations(pool))) == decision
    assert sorted(ids(decision.ranking)) == sorted(ids(pool))
