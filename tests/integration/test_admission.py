"""A full worker: requests wait for their turn, within bounds, and nothing of it is lost when they leave."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2
import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import TIMEOUTS
from tests.scripted.reply import Reply
from tests.scripted.scripts import always, in_turn
from tests.stage import MODEL, QUESTION, Stage, staged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from tests.scripted.actions import Action
    from tests.scripted.received import Received

GOOD = Reply(texts=("The answer is 42.",))
SLOW = Reply(texts=("word " * 600,), delay_per_chunk_s=0.01)
A_MOMENT = Reply(texts=("The answer is 42.",), delay_first_s=0.3)
KEYS = ["the-first-key", "the-second-key"]


@pytest.fixture(scope="module")
def full_stage() -> Iterator[Stage]:
    limits = {"max_in_flight_per_worker": 2}
    with staged(timeouts={**TIMEOUTS, "idle_s": 20.0}, limits=limits, admission={"max_waiting": 1}) as running:
        yield running


@pytest.fixture
def small(full_stage: Stage) -> Stage:
    """A gateway before a worker that takes two candidates at once; one request may wait."""
    full_stage.play(always(SLOW))
    return full_stage


@pytest.fixture
def others() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_workers=8) as threads:
        yield threads


def metric(stage: Stage, name: str, **labels: str) -> float:
    """Return the value of a metric, 0 where there is none yet."""
    families = text_string_to_metric_families(stage.client.get("/metrics").text)
    found = (one for family in families for one in family.samples if one.name == name)
    return next((one.value for one in found if labels.items() <= one.labels.items()), 0.0)


def wait_until_waiting(stage: Stage, requests: int) -> None:
    """Return once so many requests wait."""
    limit = time.monotonic() + 10
    while metric(stage, "quorum_queue_waiting", model=MODEL) != requests:
        assert time.monotonic() < limit, f"never {requests} wait"
        time.sleep(0.02)


def send(stage: Stage, strategy: object, key: str = "") -> socket.socket:
    """Send a request on a connection of its own, which the caller closes when it loses interest."""
    body = msgspec.json.encode({**QUESTION, "strategy": strategy, "user": key})
    address = urlsplit(stage.url)
    connection = socket.create_connection((address.hostname, address.port))
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    connection.sendall(head.encode() + body)
    return connection


def fill(stage: Stage) -> socket.socket:
    """Let a request take all that the worker has, until its connection is closed."""
    connection = send(stage, {"type": "parallel", "n": 2, "stop": "none"})
    stage.worker.wait_until(lambda upstream: upstream.in_flight == 2)
    return connection


def test_a_full_worker_is_asked_for_no_more_and_everybody_is_answered(small: Stage, others: ThreadPoolExecutor) -> None:
    seen: list[int] = []

    def watching(_received: Received) -> Action:
        seen.append(small.worker.upstream.in_flight)
        return A_MOMENT

    small.play(watching)
    first = others.submit(small.answer, {"type": "parallel", "n": 2, "stop": "none"})
    small.worker.wait_until(lambda upstream: upstream.in_flight == 2)
    second = others.submit(small.answer, {"type": "parallel", "n": 2, "stop": "none"})
    timing = second.result()["quorum"]["timing"]
    assert timing["queue_ms"] > 0
    assert timing["gateway_ms"] + timing["queue_ms"] < timing["total_ms"]
    assert first.result()["quorum"]["timing"]["queue_ms"] == 0
    assert max(seen) <= 2
    assert len(seen) == 4


def test_units_go_to_others_as_soon_as_candidates_end(small: Stage, others: ThreadPoolExecutor) -> None:
    small.play(in_turn(GOOD, SLOW, GOOD))
    strategy = {"type": "parallel", "n": 2, "stop": "none", "budget": {"deadline_s": 2.0}}
    wide = others.submit(small.answer, strategy)
    small.worker.wait_until(lambda upstream: len(upstream.seen) == 2)
    small.answer("single")
    assert not wide.done()
    assert wide.result()["quorum"]["decision"]["stopped_by"] == "deadline"


def test_one_that_is_wider_than_the_worker_runs_alone(small: Stage, others: ThreadPoolExecutor) -> None:
    small.play(always(GOOD))
    assert len(small.answer({"type": "parallel", "n": 5, "stop": "none"})["quorum"]["candidates"]) == 5
    small.play(always(SLOW))
    with fill(small):
        wide = others.submit(small.answer, {"type": "parallel", "n": 5, "stop": "none"})
        wait_until_waiting(small, 1)
        assert len(small.seen) == 2
        small.worker.upstream.script = always(GOOD)
    assert len(wide.result()["quorum"]["candidates"]) == 5


def test_beyond_the_bound_requests_are_turned_away_with_a_time_to_come_again(
    small: Stage, others: ThreadPoolExecutor
) -> None:
    before = metric(small, "quorum_rejected_total", model=MODEL)
    with fill(small):
        waiting = others.submit(small.answer, "single")
        wait_until_waiting(small, 1)
        for stream in (False, True):
            response = small.ask("single", stream=stream)
            assert (response.status_code, response.json()["error"]["code"]) == (503, "overloaded")
            assert 1 <= int(response.headers["Retry-After"]) <= 120
        assert small.client.get("/readyz").status_code == 200
        small.worker.upstream.script = always(GOOD)
    assert waiting.result()["quorum"]["timing"]["queue_ms"] > 0
    assert metric(small, "quorum_rejected_total", model=MODEL) == before + 2


def test_what_waits_may_take_up_only_so_many_bytes() -> None:
    limits = {"max_in_flight_per_worker": 2}
    with staged(timeouts=TIMEOUTS, limits=limits, admission={"max_waiting_bytes": 2_000}) as stage:
        stage.play(always(SLOW))
        large = "x" * 2_000
        with fill(stage), send(stage, "single"):
            wait_until_waiting(stage, 1)
            for asked in (
                {"messages": [{"role": "user", "content": large}]},
                {"metadata": {"note": large}},
                {"strategy": {"type": "parallel", "n": 1, "verifiers": [{"type": "exact", "answer": large}]}},
            ):
                response = stage.ask(**asked)
                assert (response.status_code, response.json()["error"]["code"]) == (503, "overloaded")
                assert 1 <= int(response.headers["Retry-After"]) <= 120
            with send(stage, "single"):
                wait_until_waiting(stage, 2)


def test_a_deadline_that_passes_in_the_queue_is_a_504_that_says_so(small: Stage) -> None:
    with fill(small):
        response = small.ask({"type": "single", "budget": {"deadline_s": 0.3}})
        error = response.json()["error"]
        assert (response.status_code, error["code"]) == (504, "deadline_exceeded")
        assert "in the queue" in error["message"]
        assert len(small.seen) == 2
        wait_until_waiting(small, 0)


def test_a_client_that_goes_away_leaves_the_queue(small: Stage) -> None:
    with fill(small):
        for _ in range(3):  # there is room for one: each has left it to the next
            with send(small, "single"):
                wait_until_waiting(small, 1)
            wait_until_waiting(small, 0)
        assert len(small.seen) == 2
    small.worker.wait_until(lambda upstream: upstream.in_flight == 0)
    small.play(always(GOOD))
    small.answer({"type": "parallel", "n": 2, "stop": "none"})


def test_a_dry_run_never_waits(small: Stage) -> None:
    with fill(small):
        response = small.client.post(
            "/v1/chat/completions", params={"dry_run": "true"}, json={**QUESTION, "strategy": "parallel-2"}
        )
        assert response.status_code == 200


def test_a_high_priority_goes_first_and_what_is_none_is_refused() -> None:
    order: list[str] = []

    def noting(received: Received) -> Action:
        messages = received.body["messages"]
        order.append(msgspec.json.encode(messages).decode())
        return SLOW if len(order) == 1 else GOOD

    def ask(priority: str) -> int:
        body = {"model": MODEL, "messages": [{"role": "user", "content": priority}]}
        headers = {"X-Quorum-Priority": priority}
        return httpx2.post(f"{stage.url}/v1/chat/completions", json=body, headers=headers, timeout=30).status_code

    with staged(limits={"max_in_flight_per_worker": 1}) as stage, ThreadPoolExecutor() as threads:
        stage.worker.upstream.script = noting
        with send(stage, "single"):
            stage.worker.wait_until(lambda upstream: upstream.in_flight == 1)
            answers: list[Future[int]] = []
            for waiting, priority in enumerate(("low", "normal", "high"), start=1):
                answers.append(threads.submit(ask, priority))
                wait_until_waiting(stage, waiting)
        assert [answer.result() for answer in answers] == [200, 200, 200]
        assert [next(word for word in ("low", "normal", "high") if word in one) for one in order[1:]] == [
            "high",
            "normal",
            "low",
        ]
        refused = stage.client.post("/v1/chat/completions", json=QUESTION, headers={"X-Quorum-Priority": "urgent"})
        assert refused.status_code == 400
        assert "high, normal, low" in refused.json()["error"]["message"]
        assert metric(stage, "quorum_queue_seconds_count", model=MODEL, priority="low") == 1


def test_keys_that_wait_take_turns() -> None:
    order: list[str] = []

    def noting(received: Received) -> Action:
        order.append(str(received.body["user"]))
        return SLOW if len(order) == 1 else GOOD

    def ask(key: str) -> int:
        headers = {"Authorization": f"Bearer {key}"}
        body = {**QUESTION, "user": key}
        return httpx2.post(f"{stage.url}/v1/chat/completions", json=body, headers=headers, timeout=30).status_code

    limits = {"max_in_flight_per_worker": 1}
    with staged(limits=limits, api_keys=KEYS) as stage, ThreadPoolExecutor() as threads:
        stage.worker.upstream.script = noting
        with send(stage, "single", KEYS[0]):
            stage.worker.wait_until(lambda upstream: upstream.in_flight == 1)
            answers: list[Future[int]] = []
            for waiting, key in enumerate([KEYS[0]] * 3 + [KEYS[1]] * 2, start=1):
                answers.append(threads.submit(ask, key))
                wait_until_waiting(stage, waiting)
        assert {answer.result() for answer in answers} == {200}
        assert order[1:5] in ([KEYS[0], KEYS[1]] * 2, [KEYS[1], KEYS[0]] * 2)
        assert not any(key in stage.client.get("/metrics").text for key in KEYS)


def test_a_server_that_stops_turns_away_those_that_wait_and_ends_what_runs() -> None:
    with ThreadPoolExecutor() as threads:
        with staged(limits={"max_in_flight_per_worker": 1}) as stage:
            stage.play(always(Reply(texts=("The answer is 42.",), delay_first_s=1.5)))

            def ask() -> httpx2.Response:
                return httpx2.post(f"{stage.url}/v1/chat/completions", json=QUESTION, timeout=30)

            running = threads.submit(ask)
            stage.worker.wait_until(lambda upstream: upstream.in_flight == 1)
            waiting = threads.submit(ask)
            wait_until_waiting(stage, 1)
        assert running.result().status_code == 200
        assert waiting.result().status_code == 503
        assert waiting.result().json()["error"]["code"] == "unavailable"
        assert int(waiting.result().headers["Retry-After"]) > 0
