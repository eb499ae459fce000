from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.candidates import Candidate, Verdict
from app.strategies.history import History
from app.strategies.single import Single


def test_everything_is_asked_at_once_and_nothing_afterwards() -> None:
    asks = Single(n=3).next(History())
    assert [(ask.round, ask.chain, ask.shown) for ask in asks] == [(0, 0, ()), (0, 1, ()), (0, 2, ())]
    assert not Single(n=3).next(History(asked=asks, done=[Candidate(index=0, finish_reason="stop")]))


def test_whatever_the_model_says_counts() -> None:
    failed = Candidate(index=0, finish_reason="stop", verdict=Verdict(status="fail", score=0.0))
    assert Single().rejects(failed, ()) is None


@pytest.mark.parametrize("part", [{"aggregator": "majority"}, {"stop": "decided"}, {"aggregator": "last"}])
def test_what_would_choose_is_refused(part: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="takes no aggregator and no stop rule"):
        Single.model_validate(part)
