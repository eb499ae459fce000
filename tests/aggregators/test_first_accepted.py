from __future__ import annotations

from app.aggregators.first_accepted import FirstAccepted
from app.candidates import Candidate
from app.tally import Tally


def candidate(index: int, rejection: str | None = None) -> Candidate:
    return Candidate(index=index, finish_reason="stop", rejection=rejection)


def test_the_earliest_accepted_candidate_wins_and_the_rejected_follow() -> None:
    pool = [candidate(3), candidate(0, "wrong"), candidate(2, "wrong"), candidate(1)]
    decision = FirstAccepted().decide(pool)
    assert [one.id for one in decision.ranking] == ["c1", "c3", "c0", "c2"]
    assert not decision.tied


def test_among_rejected_ones_only_the_earliest_wins() -> None:
    assert FirstAccepted().decide([candidate(1, "wrong"), candidate(0, "wrong")]).winner.id == "c0"


def test_an_accepted_candidate_is_settled_once_nothing_earlier_can_come() -> None:
    rule = FirstAccepted()
    assert rule.settled([candidate(1)], Tally(), [2, 3])
    assert not rule.settled([candidate(1)], Tally(), [0])
    assert not rule.settled([candidate(0, "wrong")], Tally(), [1])
    assert rule.settled([candidate(4)], Tally(), [])
