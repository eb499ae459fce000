from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from app.candidates import Candidate, Decision, Failure, Question, Usage, plain_text

if TYPE_CHECKING:
    from app.candidates import Message

TOKENS = st.integers(0, 99)
USAGES = st.builds(Usage, prompt=TOKENS, cached=TOKENS, completion=TOKENS)


@given(USAGES, USAGES, USAGES)
def test_usages_add_up_in_any_order(a: Usage, b: Usage, c: Usage) -> None:
    assert a + b == b + a
    assert (a + b) + c == a + (b + c)
    assert a + Usage() == a


def test_a_candidate_is_finished_with_a_reason_and_accepted_if_nothing_rejects_it() -> None:
    states = [
        Candidate(index=0),
        Candidate(index=1, finish_reason="stop"),
        Candidate(index=2, finish_reason="stop", rejection="wrong"),
        Candidate(index=3, finish_reason="stop", failure=Failure(message="gone")),
    ]
    assert [one.id for one in states if one.finished] == ["c1", "c2"]
    assert [one.id for one in states if one.accepted] == ["c1"]


def test_the_question_is_the_last_thing_the_user_said() -> None:
    image = {"type": "image_url", "image_url": "data:,"}
    parts = [{"type": "text", "text": "a"}, image, "loose", {"type": "text", "text": "b"}]
    said: list[Message] = [
        {"role": "user", "content": "old"},
        {"role": "user", "content": parts},
        {"role": "tool", "content": "x"},
    ]
    assert Question(messages=said).text == "a\nb"
    assert Question(messages=[{"role": "system", "content": "x"}]).text == ""
    assert plain_text(None) == ""


def test_nobody_agrees_where_nobody_votes() -> None:
    candidate = Candidate(index=0)
    decision = Decision(aggregator="last", ranking=(candidate,), votes=0.0, of=0.0, margin=0.0, tied=False)
    assert (decision.winner, decision.agreement) == (candidate, 0.0)
