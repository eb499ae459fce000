from __future__ import annotations

from fractions import Fraction

import pytest
from pydantic import ValidationError

from app.aggregators.weighted import Weighted
from app.candidates import Candidate, Verdict


def scored(index: int, cluster: int | None, score: float | None) -> Candidate:
    verdict = None if score is None else Verdict(status="pass", score=score)
    return Candidate(index=index, finish_reason="stop", cluster=cluster, verdict=verdict)


def test_scores_outweigh_numbers() -> None:
    decision = Weighted().decide([scored(0, 0, 0.25), scored(1, 0, 0.25), scored(2, 1, 0.75)])
    assert decision.winner.id == "c2"
    assert (decision.votes, decision.of, decision.margin) == (0.75, 1.25, 0.25)


def test_the_answer_is_given_in_the_words_of_its_best_candidate() -> None:
    ranking = Weighted().decide([scored(0, 0, 0.1), scored(1, 0, 0.9), scored(2, 1, 0.5)]).ranking
    assert [candidate.id for candidate in ranking] == ["c1", "c2", "c0"]


def test_what_no_verifier_scored_weighs_as_configured() -> None:
    pool = [scored(0, 0, None), scored(1, 1, 0.5), Candidate(index=2, cluster=0, verdict=Verdict(status="abstain"))]
    assert Weighted().decide(pool).winner.id == "c1"
    assert Weighted(unscored=0.5).decide(pool).winner.id == "c0"
    assert Weighted(unscored=0.5).weight(pool[2]) == Fraction(1, 2)


def test_where_nothing_weighs_the_first_candidate_is_returned_with_no_votes() -> None:
    decision = Weighted().decide([scored(1, 0, 0.0), scored(0, 1, 0.0)])
    assert decision.winner.id == "c0"
    assert (decision.votes, decision.of, decision.margin) == (0, 0, 0)


def test_equal_weights_are_a_tie_whatever_order_they_are_summed_in() -> None:
    parts = (0.1, 0.2, 0.3)
    pool = [scored(i, 0, part) for i, part in enumerate(parts)]
    pool += [scored(3 + i, 1, part) for i, part in enumerate(reversed(parts))]
    assert Weighted().decide(pool).tied


@pytest.mark.parametrize("unscored", [-0.1, 1.1])
def test_a_weight_outside_of_0_to_1_is_refused(unscored: float) -> None:
    with pytest.raises(ValidationError, match="unscored"):
        Weighted(unscored=unscored)
