from __future__ import annotations

from app.aggregators.best_of import BestOf
from app.candidates import Candidate, Verdict
from app.tally import Tally


def scored(index: int, score: float | None, cluster: int | None = None) -> Candidate:
    verdict = None if score is None else Verdict(status="pass", score=score)
    return Candidate(index=index, finish_reason="stop", cluster=cluster, verdict=verdict)


def test_the_highest_score_wins_and_candidates_without_one_come_last() -> None:
    pool = [scored(0, None), scored(1, 0.0), scored(2, 0.7), scored(3, 0.4)]
    decision = BestOf().decide(pool)
    assert [candidate.id for candidate in decision.ranking] == ["c2", "c3", "c1", "c0"]
    assert not decision.tied


def test_among_equal_scores_the_candidate_asked_for_first_wins() -> None:
    assert BestOf().decide([scored(2, 0.5), scored(1, 0.5)]).winner.id == "c1"


def test_a_tie_is_one_only_where_the_answers_differ() -> None:
    assert BestOf().decide([scored(0, 0.5, 0), scored(1, 0.5, 1)]).tied
    assert BestOf().decide([scored(0, 0.5), scored(1, 0.5)]).tied
    assert not BestOf().decide([scored(0, 0.5, 0), scored(1, 0.5, 0), scored(2, 0.4, 1)]).tied


def test_votes_are_reported_beside_the_score() -> None:
    decision = BestOf().decide([scored(0, 0.9, 0), scored(1, 0.1, 1), scored(2, 0.2, 1)])
    assert (decision.votes, decision.of, decision.margin) == (1, 3, -1)


def test_only_a_perfect_score_that_comes_first_is_settled() -> None:
    rule = BestOf()
    assert rule.settled([scored(0, 1.0)], Tally(), [1, 2])
    assert not rule.settled([scored(1, 1.0)], Tally(), [0, 2])
    assert not rule.settled([scored(0, 0.99)], Tally(), [1])
    assert rule.settled([scored(0, 0.5)], Tally(), [])


def test_where_nothing_has_a_score_the_vote_decides_and_that_is_told() -> None:
    decision = BestOf().decide([scored(0, None, 0), scored(1, None, 1), scored(2, None, 1)])
    assert (decision.winner.id, decision.votes, decision.of) == ("c1", 2, 3)
    assert decision.fallback == "no candidate has a score: the vote decided"
