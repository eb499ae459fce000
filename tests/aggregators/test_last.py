from __future__ import annotations

from app.aggregators.last import Last
from app.candidates import Candidate
from app.tally import Tally


def pool_of(*indices: int) -> list[Candidate]:
    return [Candidate(index=index, finish_reason="stop") for index in indices]


def test_the_candidate_asked_for_last_wins_however_they_arrived() -> None:
    decision = Last().decide(pool_of(2, 0, 3, 1))
    assert [candidate.id for candidate in decision.ranking] == ["c3", "c2", "c1", "c0"]
    assert not decision.tied


def test_the_last_word_is_settled_once_nothing_later_can_come() -> None:
    assert Last().settled(pool_of(3), Tally(), [0, 1, 2])
    assert not Last().settled(pool_of(2), Tally(), [0, 1, 3])
    assert not Last().settled([], Tally(), [])
