from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.candidates import Answer, Ask, Candidate, Failure, Verdict
from app.strategies.history import History
from app.strategies.reject import Reject, SimilarityAbove

ANSWER = Answer(kind="text", text="x", key="x")


def rejected(index: int) -> Candidate:
    return Candidate(index=index, finish_reason="stop", rejection="failed verification")


def accepted(index: int) -> Candidate:
    return Candidate(index=index, finish_reason="stop", answer=ANSWER)


def after(strategy: Reject, *done: Candidate) -> list[Ask]:
    return list(strategy.next(History(asked=[Ask(round=i) for i in range(len(done))], done=done)))


def test_it_asks_again_until_a_candidate_is_accepted() -> None:
    strategy = Reject(max_attempts=4)
    assert len(after(strategy)) == 1
    assert len(after(strategy, rejected(0))) == 1
    assert not after(strategy, rejected(0), accepted(1))


def test_it_gives_up_after_its_last_attempt_failed_ones_included() -> None:
    failed = Candidate(index=1, failure=Failure(message="gone"))
    assert len(after(Reject(max_attempts=3), rejected(0), failed)) == 1
    assert not after(Reject(max_attempts=3), rejected(0), failed, rejected(2))


def test_as_many_are_accepted_as_are_wanted() -> None:
    strategy = Reject(max_attempts=5, accept=2)
    assert after(strategy, accepted(0))
    assert not after(strategy, accepted(0), rejected(1), accepted(2))


def test_it_goes_on_until_enough_have_finished_for_an_answer() -> None:
    strategy = Reject(max_attempts=5, min_candidates=2)
    assert after(strategy, accepted(0))
    assert not after(strategy, accepted(0), rejected(1))


def test_no_stop_rule_ends_it_before_enough_are_accepted() -> None:
    assert Reject(max_attempts=5, accept=2).stop.name == "none"


def test_a_retry_that_explores_sees_the_earlier_ones_and_is_told_to_avoid_them() -> None:
    (retry,) = after(Reject(max_attempts=3), rejected(0))
    assert (retry.shown, retry.previous, retry.avoid, retry.round) == ((rejected(0),), (rejected(0),), True, 1)


def test_a_blind_retry_sees_nothing_and_is_still_compared_with_the_earlier_ones() -> None:
    (retry,) = after(Reject(max_attempts=3, explore=False), rejected(0))
    assert (retry.shown, retry.previous) == ((), (rejected(0),))


@pytest.mark.parametrize(
    ("candidate", "reason"),
    [
        (Candidate(index=1, answer=ANSWER, verdict=Verdict(status="fail")), "failed verification"),
        (Candidate(index=1, answer=ANSWER, verdict=Verdict(status="error")), "verifier broke"),
        (Candidate(index=1, verdict=Verdict(status="pass")), "no answer found"),
        (Candidate(index=1, answer=ANSWER, verdict=Verdict(status="abstain")), None),
        (Candidate(index=1, answer=ANSWER), None),
    ],
)
def test_failed_is_a_verdict_that_is_no_pass_or_a_missing_answer(candidate: Candidate, reason: str | None) -> None:
    assert Reject(max_attempts=2).rejects(candidate, ()) == reason


def test_a_duplicate_answers_like_any_earlier_candidate_rejected_ones_included() -> None:
    strategy = Reject(max_attempts=3, reject_if=("duplicate_answer",))
    earlier = [Candidate(index=0, cluster=0, rejection="x"), Candidate(index=1, cluster=None)]
    assert strategy.rejects(Candidate(index=2, cluster=0), earlier) == "duplicate answer"
    assert strategy.rejects(Candidate(index=2, cluster=1), earlier) is None
    assert strategy.rejects(Candidate(index=2, cluster=None), earlier) is None


def test_too_similar_is_above_the_bound() -> None:
    strategy = Reject(max_attempts=3, reject_if=(SimilarityAbove(similarity_above=0.9),))
    reasons = [
        strategy.rejects(Candidate(index=1, similarity_to_previous=similarity), ())
        for similarity in (None, 0.0, 0.9, 0.91)
    ]
    assert reasons == [None, None, None, "too similar to an earlier one"]


def test_the_first_rule_that_applies_is_the_reason() -> None:
    rules = ["duplicate_answer", "failed", {"similarity_above": 0.5}]
    strategy = Reject.model_validate({"max_attempts": 3, "reject_if": rules})
    repeated = Candidate(index=1, cluster=0, similarity_to_previous=1.0)
    assert strategy.rejects(repeated, [Candidate(index=0, cluster=0)]) == "duplicate answer"
    assert strategy.rejects(repeated, []) == "no answer found"


@pytest.mark.parametrize(
    "fields",
    [{"accept": 4}, {"reject_if": []}, {"reject_if": ["boring"]}, {"reject_if": [{"similarity_above": 1.0}]}],
)
def test_a_spec_that_cannot_be_met_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Reject.model_validate({"max_attempts": 3, **fields})
