"""Candidates that are asked for a second time: because a call failed, or because it is far behind."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from app.workers import pool, watch
from tests.scripted.actions import ErrorInStream, Garbage, HalfBody, NoFinish, Reset, Silence, Stall, Status
from tests.scripted.hosted import hosted
from tests.scripted.reply import Reply
from tests.scripted.scripts import always
from tests.scripted.upstream import Upstream
from tests.stage import MODEL, events, metric, staged, wait_for

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.scripted.actions import Action
    from tests.scripted.hosted import Hosted
    from tests.stage import Stage

GOOD = Reply(texts=("The answer is 42.",))
LONG = Reply(texts=("so it goes " * 40 + "42",), delay_per_chunk_s=0.005)
TIMEOUTS = {"connect_s": 2.0, "idle_s": 1.0, "probe_s": 0.5}


@contextmanager
def two(bad: Action, *beside: str, **settings: Any) -> Generator[tuple[Stage, Hosted]]:  # noqa: ANN401 - of every kind
    """A gateway that asks a worker first that does `bad`; the other one's answers are good."""
    chosen: dict[str, Any] = {"balancing": "least_outstanding", "timeouts": TIMEOUTS, "health": {"max_ejected": 0.0}}
    with (
        hosted(Upstream(always(GOOD), models=(MODEL,))) as other,
        staged(workers_beside=[other.url, *beside], **{**chosen, **settings}) as stage,
    ):
        stage.play(always(bad))
        yield stage, other


@pytest.mark.parametrize(
    "bad",
    [
        Status(status=500),
        Status(status=503),
        Garbage(),
        Garbage(raw=True),
        Reset(),
        HalfBody(reply=LONG, after_chunks=20),
        ErrorInStream(reply=LONG, after_chunks=20),
        NoFinish(reply=GOOD),
        Stall(reply=LONG, after_chunks=5),
        Silence(),
    ],
    ids=lambda action: type(action).__name__ + str(getattr(action, "status", "")),
)
@pytest.mark.parametrize("n", [1, 4])
def test_whatever_way_a_worker_fails_its_candidates_are_drawn_by_another(bad: Action, n: int) -> None:
    with two(bad) as (stage, _):
        body = stage.answer({"type": "parallel", "n": n, "stop": "none"})
        assert body["choices"][0]["message"]["content"] == "The answer is 42."
        assert {row["worker"] for row in body["quorum"]["candidates"]} == {"w1"}
        assert metric(stage, "quorum_retries_total") == n


def test_tokens_that_were_generated_in_vain_are_on_the_ledger_as_failed() -> None:
    with two(HalfBody(reply=LONG, after_chunks=21)) as (stage, other):
        body = stage.answer({"type": "parallel", "n": 2, "stop": "none"})
        tokens = body["quorum"]["cost"]["tokens"]
        given = sum(seen.sent_tokens for seen in [*stage.seen, *other.upstream.seen])
        assert tokens["by_fate"]["failed"] == 40
        assert tokens["completion"] == body["usage"]["completion_tokens"] == given
        assert body["quorum"]["cost"]["calls"] == 4


def test_a_live_stream_is_begun_anew_elsewhere_only_before_its_first_word() -> None:
    with two(Status(status=500)) as (stage, _):
        lines = list(events(stage.ask("single", stream=True)))
        assert lines[-1] == "data: [DONE]"
        assert not any("error" in line for line in lines)
        stage.play(always(HalfBody(reply=LONG, after_chunks=20)))
        lines = list(events(stage.ask("single", stream=True)))
        assert any('"error"' in line for line in lines)
        assert not any("The answer is" in line for line in lines)


def test_a_request_that_is_wrong_is_refused_once_and_asked_of_nobody_else() -> None:
    with two(Status(status=400, message="too long")) as (stage, other):
        assert stage.ask("single").status_code == 400
        assert not other.upstream.seen


def test_without_a_budget_for_retries_the_failure_is_told() -> None:
    with two(Reset(), retries={"share": 0.0, "burst": 0.0}) as (stage, other):
        response = stage.ask("single")
        assert (response.status_code, response.json()["error"]["code"]) == (502, "all_candidates_failed")
        assert not other.upstream.seen


def test_a_candidate_is_asked_for_three_times_at_most() -> None:
    with two(Status(status=500)) as (stage, other):
        other.upstream.script = always(Status(status=500))
        assert stage.ask("single").status_code == 502
        assert len(stage.seen) + len(other.upstream.seen) == 3


def test_a_budget_that_a_second_try_would_exceed_is_kept() -> None:
    with two(HalfBody(reply=LONG, after_chunks=21)) as (stage, other):
        spec = {"type": "single", "budget": {"max_completion_tokens": 30}}
        assert stage.ask(spec, max_tokens=30).status_code == 502
        assert not other.upstream.seen
        assert metric(stage, "quorum_retries_total") == 0


def test_a_worker_that_no_longer_has_the_model_it_lists_is_passed_over_and_asked_what_it_serves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "SUSPECT_TIMEOUT_S", 10.0)
    with two(Status(status=404, message="no such model"), timeouts={**TIMEOUTS, "probe_s": 60.0}) as (stage, other):
        stage.worker.upstream.models = ("another",)
        four = {"type": "parallel", "n": 4, "stop": "none"}
        body = stage.answer(four)
        assert {row["worker"] for row in body["quorum"]["candidates"]} == {"w1"}
        assert metric(stage, 'quorum_worker_ejections_total{reason="failures",worker="w0"}') == 0
        wait_for(lambda: metric(stage, 'quorum_worker_models_gone_total{worker="w0"}') == 1)
        assert len(stage.seen) == 4
        stage.answer(four)
        assert len(stage.seen) == 4
        assert len(other.upstream.seen) == 8


@pytest.mark.parametrize("status", [401, 403, 408, 429, 503])
def test_a_worker_that_does_not_take_requests_is_passed_over_for_a_moment_and_uses_up_no_more_retries(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "PASSED_OVER_S", 60.0)
    with two(Status(status=status)) as (stage, other):
        for _ in range(5):
            stage.answer("single")
        assert metric(stage, "quorum_retries_total") == len(stage.seen) == 1
        assert len(other.upstream.seen) == 5


@pytest.mark.parametrize("fault", [HalfBody(reply=LONG, after_chunks=20), Status(status=500)], ids=["cut", "500"])
def test_where_the_one_that_took_over_fails_too_a_third_draws_the_candidate(fault: Action) -> None:
    patient = {**TIMEOUTS, "idle_s": 30.0}
    with (
        hosted(Upstream(always(GOOD), models=(MODEL,))) as third,
        two(GOOD, third.url, timeouts=patient) as (stage, other),
    ):
        usual(stage)
        stage.play(always(Silence()))
        other.upstream.script = always(fault)
        body = stage.answer({"type": "single", "budget": {"deadline_s": 15.0}})
        assert body["quorum"]["candidates"][0]["worker"] == "w2"
        assert (metric(stage, "quorum_hedges_total"), metric(stage, "quorum_retries_total")) == (1, 1)


def usual(stage: Stage) -> None:
    """Let the pool learn what is usual."""
    stage.play(always(Reply(texts=("42 " * 8,), delay_first_s=0.01, delay_per_chunk_s=0.02)))
    stage.answer({"type": "parallel", "n": 32, "stop": "none"})


@pytest.mark.parametrize(
    "slow", [Silence(), Stall(reply=LONG, after_chunks=4), Reply(texts=("word " * 100 + "42",), delay_per_chunk_s=0.3)]
)
def test_a_candidate_that_is_far_behind_is_drawn_a_second_time_and_the_first_to_end_counts(slow: Action) -> None:
    with two(GOOD, timeouts={**TIMEOUTS, "idle_s": 30.0}, limits={"deadline_s": 25.0}) as (stage, other):
        usual(stage)
        stage.play(always(slow))
        began = time.monotonic()
        body = stage.answer({"type": "parallel", "n": 4, "stop": "none"})
        assert {row["worker"] for row in body["quorum"]["candidates"]} == {"w1"}
        assert time.monotonic() - began < 20
        assert metric(stage, "quorum_hedges_total") == 4
        stage.worker.wait_until(lambda upstream: upstream.in_flight == 0)
        spent = sum(seen.sent_tokens for seen in [*stage.seen, *list(other.upstream.seen)[-4:]])
        assert body["usage"]["completion_tokens"] == pytest.approx(spent, abs=8)


def test_of_more_candidates_than_may_be_hedged_as_many_are_as_may() -> None:
    with two(GOOD, hedges={"share": 0.0, "burst": 2.0}) as (stage, _):
        usual(stage)
        stage.play(always(Silence()))
        stage.answer({"type": "parallel", "n": 4, "stop": "none"})
        assert (metric(stage, "quorum_hedges_total"), metric(stage, "quorum_retries_total")) == (2, 2)


def test_a_long_answer_is_no_slow_worker() -> None:
    with two(GOOD) as (stage, _):
        usual(stage)
        stage.play(always(Reply(texts=("word " * 150 + "42",), delay_per_chunk_s=0.02)))
        stage.answer({"type": "parallel", "n": 4, "stop": "none"})
        assert metric(stage, "quorum_hedges_total") == 0


def test_without_a_budget_for_hedges_slow_candidates_are_waited_for() -> None:
    with two(GOOD, hedges={"share": 0.0, "burst": 0.0}) as (stage, other):
        usual(stage)
        seen = len(other.upstream.seen)
        stage.play(always(Reply(texts=("42",), delay_first_s=0.9)))
        assert stage.answer("parallel-2")["quorum"]["candidates"][0]["worker"] == "w0"
        assert len(other.upstream.seen) == seen


def test_a_live_stream_that_breaks_off_fails_at_once_although_a_second_call_was_begun_beside_it() -> None:
    late = Reply(texts=("so it goes " * 40,), delay_first_s=0.5, delay_per_chunk_s=0.005)
    with two(GOOD, timeouts={**TIMEOUTS, "idle_s": 30.0}) as (stage, other):
        usual(stage)
        other.upstream.script = always(Silence())
        stage.play(always(HalfBody(reply=late, after_chunks=20)))
        told = list(events(stage.ask({"type": "single", "budget": {"deadline_s": 10.0}}, stream=True)))
        assert metric(stage, "quorum_hedges_total") == 1
        assert any('"all_candidates_failed"' in line for line in told)
        assert not any('"deadline_exceeded"' in line for line in told)
