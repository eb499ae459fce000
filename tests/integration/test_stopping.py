"""Stop rules and waves over HTTP: what ends a run, what is cut off on the worker, and what that saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.stopping.race import Race
from tests.scripted.received import Ending
from tests.scripted.reply import Reply
from tests.scripted.scripts import always, in_turn

if TYPE_CHECKING:
    from app.stopping.base import Progress
    from tests.stage import Stage

QUICK = "word " * 26 + "The answer is"
SLOW = Reply(texts=("word " * 600,), delay_per_chunk_s=0.01)
STUCK = Reply(texts=("The answer is 1.",), delay_first_s=9.0)


def says(*answers: int, delay_s: float = 0.0) -> list[Reply]:
    """Return replies of 30 tokens that give these answers."""
    return [Reply(texts=(f"{QUICK} {answer}",), delay_first_s=delay_s) for answer in answers]


def test_a_race_cancels_what_is_under_way_and_tells_what_that_saved(stage: Stage) -> None:
    stage.play(in_turn(*says(42, 42, delay_s=0.2), SLOW, SLOW, STUCK, STUCK))
    body = stage.answer({"type": "parallel", "n": 6, "stop": {"type": "race", "votes": 2}})
    stage.worker.wait_until(lambda upstream: upstream.in_flight == 0)
    quorum = body["quorum"]
    assert (quorum["decision"]["stopped_by"], quorum["decision"]["votes"]) == ("race", 2)
    assert quorum["decision"]["stop_failure"] is None
    fates = sorted(row["fate"] for row in quorum["candidates"])
    assert fates == ["cancelled"] * 4 + ["counted", "selected"]
    assert [request.ending for request in stage.seen].count(Ending.CLIENT_CLOSED) == 4
    cut = [row["completion_tokens"] for row in quorum["candidates"] if row["fate"] == "cancelled"]
    spent = quorum["cost"]["tokens"]["by_fate"]
    assert spent["cancelled"] == sum(cut)
    saved = quorum["cost"]["saved_completion_tokens_estimate"]
    mean = (spent["selected"] + spent["counted"]) / 2
    assert saved == round(sum(max(mean - length, 0) for length in cut)) >= 2 * 30


def test_the_metrics_count_a_race(stage: Stage) -> None:
    stage.play(in_turn(*says(42, 42), *[STUCK] * 2))
    stage.answer({"type": "parallel", "n": 4, "stop": "race"})
    assert 'quorum_early_stops_total{rule="race"}' in stage.client.get("/metrics").text


def test_a_rule_that_breaks_stops_nothing_and_is_told_of(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Race, progress: Progress) -> bool:
        raise ArithmeticError(f"{self.name} is at a loss after {progress.latest.answer}")

    monkeypatch.setattr(Race, "satisfied", broken)
    stage.play(always(*says(42)))
    body = stage.answer({"type": "parallel", "n": 4, "stop": "race"})
    decision = body["quorum"]["decision"]
    assert (decision["votes"], decision["stopped_by"]) == (4, None)
    assert decision["stop_failure"].startswith("ArithmeticError: race is at a loss")
    assert 'quorum_stop_failures_total{rule="race"} 1.0' in stage.client.get("/metrics").text


def test_where_a_rule_inside_any_of_breaks_it_is_named_and_the_others_go_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Race, progress: Progress) -> bool:
        raise ArithmeticError(f"{self.name} is at a loss after {progress.latest.answer}")

    monkeypatch.setattr(Race, "satisfied", broken)
    stage.play(in_turn(*says(1, 2, 3), STUCK))
    rules = [{"type": "race", "votes": 3}, {"type": "finishers", "count": 3}]
    decision = stage.answer({"type": "parallel", "n": 4, "stop": {"type": "any_of", "rules": rules}})["quorum"][
        "decision"
    ]
    assert decision["stopped_by"] == "finishers"
    assert decision["stop_failure"].startswith("race: ArithmeticError: race is at a loss")
    metrics = stage.client.get("/metrics").text
    assert 'quorum_stop_failures_total{rule="race"}' in metrics
    assert 'quorum_stop_failures_total{rule="any_of"}' not in metrics


def test_any_of_names_the_rule_that_fired(stage: Stage) -> None:
    stage.play(in_turn(*says(1, 2, 3), STUCK))
    rules = [{"type": "race", "votes": 2}, {"type": "finishers", "count": 3}]
    body = stage.answer({"type": "parallel", "n": 4, "stop": {"type": "any_of", "rules": rules}})
    assert body["quorum"]["decision"]["stopped_by"] == "finishers"
    assert body["quorum"]["strategy"]["stop"] == {"type": "any_of", "rules": rules}


def test_the_first_pass_of_a_verifier_ends_a_run(stage: Stage) -> None:
    stage.play(in_turn(*says(41, 42), STUCK, STUCK))
    verifiers = [{"type": "math", "answer": "42"}]
    body = stage.answer({"type": "parallel", "n": 4, "verifiers": verifiers, "stop": "verified"})
    assert body["quorum"]["decision"]["stopped_by"] == "verified"
    assert body["choices"][0]["message"]["content"].endswith("42")


def test_options_of_a_multiple_choice_need_a_third_vote(stage: Stage) -> None:
    question = [{"role": "user", "content": "Which one?\n(A) 10\n(B) 12\n(C) 15"}]
    stage.play(in_turn(*[Reply(texts=("The answer is (B).",))] * 3, STUCK, STUCK))
    body = stage.answer({"type": "parallel", "n": 5, "stop": "race"}, messages=question)
    assert (body["quorum"]["decision"]["stopped_by"], body["quorum"]["decision"]["votes"]) == ("race", 3)


@pytest.mark.parametrize(("answers", "drawn"), [((1, 1), 2), ((1, 2, 1, 1, 1, 1), 6), ((1, 2, 3, 4, 5, 6, 7, 7), 8)])
def test_more_is_drawn_only_on_disagreement(stage: Stage, answers: tuple[int, ...], drawn: int) -> None:
    stage.play(in_turn(*says(*answers, delay_s=0.1)))
    body = stage.answer({"type": "parallel", "n": 20, "wave": [2, 4, 2], "stop": "race"})
    stage.worker.wait_until(lambda upstream: upstream.in_flight == 0)
    assert len(stage.seen) == drawn
    assert body["quorum"]["decision"]["stopped_by"] == "race"
    assert body["quorum"]["cost"]["saved_completion_tokens_estimate"] >= (20 - drawn) * 30


def test_a_straggler_holds_up_nothing_that_may_be_in_flight_besides(stage: Stage) -> None:
    stage.play(in_turn(*says(1), STUCK, *says(2, 3, 3)))
    body = stage.answer({"type": "parallel", "n": 9, "in_flight": 2, "stop": "race"})
    stage.worker.wait_until(lambda upstream: upstream.in_flight == 0)
    assert body["quorum"]["decision"]["stopped_by"] == "race"
    assert body["choices"][0]["message"]["content"].endswith("3")
    assert len(stage.seen) == 5


def test_a_sample_that_reaches_its_cap_says_so_and_does_not_vote(stage: Stage) -> None:
    long = Reply(texts=("The answer is 41. " + "word " * 40,))
    stage.play(in_turn(long, long, long, *says(42)))
    body = stage.answer({"type": "parallel", "n": 4, "max_completion_tokens_per_candidate": 30, "stop": "none"})
    quorum = body["quorum"]
    assert (quorum["decision"]["votes"], quorum["decision"]["of"]) == (1, 1)
    assert body["choices"][0]["message"]["content"].endswith("42")
    dropped = [row for row in quorum["candidates"] if row["fate"] == "rejected"]
    assert {row["reason"] for row in dropped} == {"reached max_completion_tokens_per_candidate"}
    assert [row["completion_tokens"] for row in dropped] == [30, 30, 30]


@pytest.mark.parametrize(("preset", "draws"), [("fast", 12), ("frugal", 16), ("faithful", 16), ("max", 64)])
def test_presets_are_there_by_name(stage: Stage, preset: str, draws: int) -> None:
    stage.play(always(*says(42)))
    by_suffix = stage.answer(model=f"scripted+{preset}")["quorum"]
    by_name = stage.answer(preset)["quorum"]
    listed = stage.client.get("/v1/strategies").json()["presets"][preset]
    assert by_suffix["strategy"] == by_name["strategy"] == listed
    assert listed["n"] == draws
    assert by_name["decision"]["agreement"] == 1


@pytest.mark.parametrize(
    ("strategy", "param"),
    [
        ({"n": 4, "stop": {"type": "race", "votes": 5}}, "strategy.stop.votes"),
        ({"n": 4, "stop": {"type": "finishers", "count": 5}}, "strategy.stop.count"),
        ({"n": 4, "stop": {"type": "beta", "confidence": 1.0}}, "strategy.stop.confidence"),
        ({"n": 4, "stop": "race", "aggregator": "last"}, "strategy.stop"),
        ({"n": 4, "stop": "verified"}, "strategy.stop"),
        ({"n": 4, "stop": "race", "min_candidates": 4}, "strategy.stop"),
        ({"n": 4, "wave": [2, 0]}, "strategy.wave.1"),
        ({"n": 4, "in_flight": 0}, "strategy.in_flight"),
        ({"n": 4, "wave": 2, "in_flight": 2}, "strategy"),
    ],
)
def test_a_rule_that_cannot_fire_is_a_400_that_names_the_field(
    stage: Stage, strategy: dict[str, object], param: str
) -> None:
    response = stage.ask({"type": "parallel", **strategy})
    assert response.status_code == 400
    assert (response.json()["error"]["code"], response.json()["error"]["param"]) == ("invalid_strategy", param)
    assert not stage.seen
