"""A model's only worker crashes and is started again: what was under way there waits for it, and is drawn anew."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from app.workers import watch
from tests.scripted.actions import HalfBody, Reset, Silence, Stall, Status
from tests.scripted.reply import Reply
from tests.scripted.scripts import always, in_turn
from tests.stage import MODEL, QUESTION, events, metric, staged, wait_for

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.scripted.actions import Action
    from tests.stage import Stage

GOOD = Reply(texts=("The answer is 42.",))
BEGUN = Stall(reply=Reply(texts=("so it goes " * 4,)), after_chunks=5)
BEGUN_TOKENS = 4
THREE = {"type": "parallel", "n": 3, "stop": "none"}
TIMEOUTS = {"connect_s": 2.0, "idle_s": 60.0, "probe_s": 60.0}
FOR_LONG = {"no_worker_wait_s": 60.0}


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "DOWN_EVERY_S", 0.05)


@contextmanager
def alone(**settings: Any) -> Generator[tuple[Stage, ThreadPoolExecutor]]:  # noqa: ANN401 - of every kind
    """A gateway before a single worker, which it has to be told nothing of, and threads to ask it from."""
    chosen: dict[str, Any] = {"timeouts": TIMEOUTS, "admission": FOR_LONG}
    with staged(**{**chosen, **settings}) as stage, ThreadPoolExecutor() as threads:
        yield stage, threads


def crash(stage: Stage, *, at_work: int) -> None:
    """Let the worker crash once it draws so many candidates; return when the gateway knows."""
    stage.worker.wait_until(lambda upstream: upstream.in_flight == at_work)
    time.sleep(0.5)  # for what it has said to arrive
    stage.worker.stop()
    wait_for(lambda: metric(stage, "quorum_worker_up") == 0)


def restart(stage: Stage, then: Action = GOOD) -> None:
    """Start the worker again on its port."""
    stage.worker.upstream.script = always(then)
    stage.worker.start()


@pytest.mark.parametrize(("strategy", "width"), [("single", 1), (THREE, 3), ("sequential-2", 1)])
def test_what_is_under_way_when_the_only_worker_crashes_is_drawn_there_when_it_is_back(
    strategy: object, width: int
) -> None:
    with alone() as (stage, threads):
        stage.play(always(BEGUN))
        asked = threads.submit(stage.answer, strategy)
        crash(stage, at_work=width)
        restart(stage)
        body = asked.result()
        assert body["choices"][0]["message"]["content"] == "The answer is 42."
        tokens = body["quorum"]["cost"]["tokens"]
        assert tokens["by_fate"]["failed"] == BEGUN_TOKENS * width
        assert body["usage"]["completion_tokens"] == tokens["completion"]
        assert body["quorum"]["cost"]["calls"] == len(stage.seen)
        assert metric(stage, "quorum_retries_total") == width
        assert metric(stage, "quorum_worker_in_flight") == metric(stage, "quorum_worker_outstanding_tokens") == 0


@pytest.mark.parametrize("strategy", ["single", "parallel-3"])
def test_what_was_let_in_before_the_crash_was_known_waits_too(strategy: object) -> None:
    with alone() as (stage, threads):
        stage.play(always(GOOD))
        stage.worker.stop()
        asked = threads.submit(stage.answer, strategy)
        wait_for(lambda: metric(stage, "quorum_worker_up") == 0)
        restart(stage)
        assert asked.result()["choices"][0]["message"]["content"] == "The answer is 42."


def test_an_engine_that_dies_below_its_server_is_waited_for_like_one_that_crashed() -> None:
    with alone() as (stage, threads):
        stage.worker.upstream.routes["/health"] = Status(status=503)
        stage.play(in_turn(Status(status=500, message="EngineCore encountered an issue."), GOOD))
        asked = threads.submit(stage.answer, "single")
        wait_for(lambda: metric(stage, "quorum_worker_up") == 0)
        del stage.worker.upstream.routes["/health"]
        assert asked.result()["choices"][0]["message"]["content"] == "The answer is 42."


def test_the_wait_is_no_time_of_the_gateways_own() -> None:
    with alone() as (stage, threads):
        stage.play(always(BEGUN))
        asked = threads.submit(stage.answer, "single")
        crash(stage, at_work=1)
        time.sleep(1.0)
        restart(stage)
        timing = asked.result()["quorum"]["timing"]
        assert timing["gateway_ms"] < timing["total_ms"] - 1_000


def test_a_stream_of_which_nothing_was_read_goes_on_with_the_worker_that_is_back() -> None:
    with alone() as (stage, threads):
        stage.play(always(Silence()))
        asked = threads.submit(stage.ask, "single", stream=True)
        crash(stage, at_work=1)
        restart(stage)
        response = asked.result()
        assert response.status_code == 200
        lines = list(events(response))
        assert any("42" in line for line in lines)
        assert not any('"error"' in line for line in lines)
        assert lines[-1] == "data: [DONE]"


def test_a_stream_that_was_read_ends_with_an_error_at_once() -> None:
    with alone() as (stage, threads):
        stage.play(always(BEGUN))
        asked = threads.submit(stage.ask, "single", stream=True)
        crash(stage, at_work=1)
        told = list(events(asked.result(timeout=20)))
        assert any('"all_candidates_failed"' in line for line in told)


@pytest.mark.parametrize(("strategy", "width"), [("single", 1), (THREE, 3)])
def test_where_the_worker_stays_away_the_cause_is_told_after_the_wait(strategy: object, width: int) -> None:
    with alone(admission={"no_worker_wait_s": 2.0}) as (stage, threads):
        stage.play(always(BEGUN))
        asked = threads.submit(stage.ask, strategy)
        crash(stage, at_work=width)
        crashed = time.monotonic()
        response = asked.result()
        assert time.monotonic() - crashed > 0.5
        assert (response.status_code, response.json()["error"]["code"]) == (502, "all_candidates_failed")
        assert f"{width} x the worker broke off" in response.json()["error"]["message"]
        assert metric(stage, "quorum_retries_total") == 0


@pytest.mark.parametrize("fault", [Reset(), HalfBody(reply=GOOD), Status(status=500)], ids=repr)
def test_a_worker_that_fails_and_is_there_all_the_same_is_not_waited_for(fault: Action) -> None:
    with alone() as (stage, threads):
        stage.play(always(fault))
        assert threads.submit(stage.ask, THREE).result(timeout=20).status_code == 502
        assert metric(stage, "quorum_retries_total") == 0


@pytest.mark.parametrize("status", [401, 429])
def test_a_worker_that_turns_a_request_away_is_not_even_asked_whether_it_is_there(status: int) -> None:
    with alone() as (stage, _):
        stage.worker.upstream.routes["/health"] = Status(status=200)
        stage.play(always(Status(status=status)))
        assert stage.ask("single").status_code in {status, 502}
        assert not stage.worker.upstream.asked


def test_without_a_budget_for_retries_nothing_waits() -> None:
    with alone(retries={"share": 0.0, "burst": 0.0}) as (stage, threads):
        stage.play(always(BEGUN))
        asked = threads.submit(stage.ask, "single")
        crash(stage, at_work=1)
        assert asked.result(timeout=20).status_code == 502


def test_a_deadline_during_the_wait_is_a_504_and_nothing_is_drawn_afterwards() -> None:
    with alone() as (stage, threads):
        stage.play(always(BEGUN))
        asked = threads.submit(stage.ask, {**THREE, "budget": {"deadline_s": 2.0}})
        crash(stage, at_work=3)
        response = asked.result(timeout=20)
        assert (response.status_code, response.json()["error"]["code"]) == (504, "deadline_exceeded")
        assert_only_what_is_new_is_drawn(stage)


def test_a_deadline_during_the_wait_returns_what_there_is() -> None:
    with alone() as (stage, threads):
        stage.play(in_turn(GOOD, BEGUN, BEGUN))
        asked = threads.submit(stage.answer, {**THREE, "budget": {"deadline_s": 2.0}})
        stage.worker.wait_until(lambda upstream: len(upstream.seen) == 3)
        crash(stage, at_work=2)
        body = asked.result(timeout=20)
        assert body["choices"][0]["message"]["content"] == "The answer is 42."
        assert body["quorum"]["decision"]["stopped_by"] == "deadline"
        assert [row["fate"] for row in body["quorum"]["candidates"]] == ["selected", "cancelled", "cancelled"]
        assert body["quorum"]["cost"]["tokens"]["by_fate"]["cancelled"] == 2 * BEGUN_TOKENS


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_goes_away_during_the_wait_is_waited_for_no_longer(*, stream: bool) -> None:
    with alone() as (stage, threads):
        stage.play(always(Silence()))
        asked = threads.submit(leave_after, stage, 2.0, stream=stream)
        crash(stage, at_work=3)
        asked.result()
        wait_for(lambda: metric(stage, 'quorum_requests_total{model="scripted",outcome="client_gone"') == 1)
        assert_only_what_is_new_is_drawn(stage)


def leave_after(stage: Stage, seconds: float, *, stream: bool) -> None:
    """Ask for three candidates, and go when nothing has come by then."""
    body = {**QUESTION, "strategy": THREE, "stream": stream}
    with pytest.raises(httpx2.ReadTimeout):
        httpx2.post(f"{stage.url}/v1/chat/completions", json=body, timeout=seconds)


def assert_only_what_is_new_is_drawn(stage: Stage) -> None:
    """Start the worker again, and see that it is asked for nothing but a new candidate, for which there is a seat."""
    before = len(stage.seen)
    restart(stage)
    stage.wait_ready()
    stage.answer("single")
    assert len(stage.seen) == before + 1
    assert metric(stage, "quorum_worker_in_flight") == 0


def test_all_that_wait_are_served_by_the_worker_that_is_back_and_no_more_at_once_than_it_takes() -> None:
    with alone(limits={"max_in_flight_per_worker": 4}) as (stage, threads):
        stage.play(always(BEGUN))
        two = {"type": "parallel", "n": 2, "stop": "none"}
        under_way = [threads.submit(stage.ask, two) for _ in range(2)]
        stage.worker.wait_until(lambda upstream: upstream.in_flight == 4)
        queued = [threads.submit(stage.ask, "single") for _ in range(3)]
        wait_for(lambda: metric(stage, f'quorum_queue_waiting{{model="{MODEL}"') == 3)
        crash(stage, at_work=4)
        at_once: list[int] = []

        def noting(_: object) -> Reply:
            at_once.append(stage.worker.upstream.in_flight + 1)
            return Reply(texts=("The answer is 42.",), delay_first_s=0.2)

        stage.worker.upstream.script = noting
        stage.worker.start()
        assert [asked.result().status_code for asked in [*under_way, *queued]] == [200] * 5
        assert len(at_once) == 2 * 2 + 3
        assert max(at_once) == 4
