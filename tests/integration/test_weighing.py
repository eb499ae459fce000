"""Votes that weigh what the model was sure of: log-probabilities asked for, used, and not handed on unasked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.scripted.reply import Reply
from tests.scripted.scripts import always, by_seed

if TYPE_CHECKING:
    from tests.stage import Stage

BY_CONFIDENCE = {"type": "parallel", "n": 3, "aggregator": {"type": "weighted", "by": "mean_confidence"}}


def test_confidence_outweighs_numbers_and_its_log_probabilities_stay_inside(stage: Stage) -> None:
    unsure = Reply(texts=("The answer is 41.",), logprobs=(-0.1,))
    sure = Reply(texts=("The answer is 42.",), logprobs=(-9.0,))  # in the scripted worker, rivals follow the token
    stage.play(by_seed(unsure, unsure, sure))
    body = stage.answer(BY_CONFIDENCE, seed=0)
    assert "42" in body["choices"][0]["message"]["content"]
    assert body["choices"][0]["logprobs"] is None
    rows = body["quorum"]["candidates"]
    assert [row["confidence"]["mean"] for row in rows] == [pytest.approx(1.1), pytest.approx(1.1), pytest.approx(10.0)]
    assert body["quorum"]["decision"]["votes"] == pytest.approx(10.0)
    assert [(one.body["logprobs"], one.body["top_logprobs"]) for one in stage.seen] == [(True, 5)] * 3


def test_what_the_caller_asks_for_comes_back_as_well(stage: Stage) -> None:
    body = stage.answer(BY_CONFIDENCE, logprobs=True, top_logprobs=8)
    assert len(body["choices"][0]["logprobs"]["content"][0]["top_logprobs"]) == 8
    assert {one.body["top_logprobs"] for one in stage.seen} == {8}


@pytest.mark.parametrize(("asked", "told"), [({"top_logprobs": 1}, 1), ({}, 0)])
def test_who_asks_for_fewer_gets_no_more_than_that(stage: Stage, asked: dict[str, int], told: int) -> None:
    body = stage.answer(BY_CONFIDENCE, logprobs=True, **asked)
    assert [len(entry["top_logprobs"]) for entry in body["choices"][0]["logprobs"]["content"]][:1] == [told]
    assert {one.body["top_logprobs"] for one in stage.seen} == {5}


def test_streams_bear_no_log_probabilities_that_nobody_asked_for(stage: Stage) -> None:
    stage.play(always(Reply(texts=("The answer is 42.",))))
    assert '"logprob"' not in stage.ask(BY_CONFIDENCE, stream=True).text


def test_a_vote_by_score_asks_for_no_log_probabilities(stage: Stage) -> None:
    verifiers = [{"type": "exact", "answer": "ok"}]
    stage.answer({"type": "parallel", "n": 2, "aggregator": "weighted", "verifiers": verifiers})
    assert not any("logprobs" in one.body for one in stage.seen)
