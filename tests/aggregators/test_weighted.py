from __future__ import annotations

from fractions import Fraction

import pytest
from msgspec.structs import replace
from pydantic import ValidationError

from app.aggregators.weighted import Weighted
from app.candidates import Candidate, Confidence, Usage, Verdict
from app.strategies.parallel import Parallel


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


def test_equal_weights_may_go_to_the_shortest_candidate_also_where_each_has_one_vote() -> None:
    lengths = (90, 80, 70)
    scores = [scored(0, 0, 0.5), scored(1, 1, 0.25), scored(2, 1, 0.25)]
    pool = [replace(one, usage=Usage(completion=length)) for one, length in zip(scores, lengths, strict=True)]
    assert Weighted().decide(pool).winner.cluster == 0
    assert Weighted(ties="shortest").decide(pool).winner.cluster == 1
    unscored = [replace(one, verdict=None) for one in pool[:2]]
    assert Weighted().decide(unscored).winner.cluster == 0
    assert Weighted(ties="shortest").decide(unscored).winner.cluster == 1


@pytest.mark.parametrize("unscored", [-0.1, 1.1])
def test_a_weight_outside_of_0_to_1_is_refused(unscored: float) -> None:
    with pytest.raises(ValidationError, match="unscored"):
        Weighted(unscored=unscored)


def sure(index: int, cluster: int, mean: float, lowest: float) -> Candidate:
    confidence = Confidence(mean=mean, lowest_group=lowest)
    return Candidate(index=index, finish_reason="stop", cluster=cluster, confidence=confidence)


def test_a_vote_can_weigh_what_the_model_was_sure_of() -> None:
    pool = [sure(0, 0, 3.0, 0.5), sure(1, 0, 3.0, 0.5), sure(2, 1, 5.0, 2.0)]
    assert Weighted(by="mean_confidence").decide(pool).winner.id == "c0"
    decision = Weighted(by="lowest_group_confidence").decide(pool)
    assert (decision.winner.id, decision.votes, decision.of, decision.fallback) == ("c2", 2.0, 3.0, None)


def test_confidence_needs_no_verifier_and_asks_for_log_probabilities() -> None:
    spec = {"n": 3, "aggregator": {"type": "weighted", "by": "mean_confidence", "alternatives": 7}}
    aggregator = Parallel.model_validate(spec).aggregator
    assert (aggregator.top_logprobs, aggregator.needs_score, aggregator.heaviest) == (7, False, None)
    assert (Weighted().top_logprobs, Weighted().heaviest) == (0, 1)


def test_where_no_vote_has_a_weight_of_its_own_each_has_one_and_it_is_told() -> None:
    for by, told in (("score", "no candidate has a score"), ("mean_confidence", "no log-probabilities")):
        decision = Weighted.model_validate({"by": by}).decide(
            [scored(0, 0, None), scored(1, 1, None), scored(2, 1, None)]
        )
        assert (decision.winner.id, decision.votes, decision.of) == ("c1", 2, 3)
        assert decision.fallback is not None
        assert told in decision.fallback
        assert decision.aggregator == "weighted"


def test_unbounded_weights_settle_nothing_before_all_are_there() -> None:
    aggregator = Weighted(by="mean_confidence")
    pool = [sure(0, 0, 9.0, 9.0), sure(1, 0, 9.0, 9.0)]
    assert not aggregator.settled(pool, aggregator.count(pool), [2])
    assert aggregator.settled(pool, aggregator.count(pool), [])
