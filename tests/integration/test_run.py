"""What one run does with its workers, its money and its tokens."""

from __future__ import annotations

import gc
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.scripted.actions import Silence, Status
from tests.scripted.hosted import hosted
from tests.scripted.llamacpp import LlamaCpp
from tests.scripted.reply import Reply, Usage
from tests.scripted.scripts import always, in_turn
from tests.scripted.upstream import Upstream
from tests.stage import MODEL, staged

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.stage import Stage

GOOD = Reply(texts=("The answer is 42.",))
BRIEFLY = {"no_worker_wait_s": 0.2}


def test_what_never_reached_its_worker_is_drawn_by_another() -> None:
    with (
        hosted(Upstream(always(GOOD), models=(MODEL,))) as other,
        staged(workers_beside=[other.url], timeouts={"probe_s": 60.0}, balancing="least_outstanding") as stage,
    ):
        stage.worker.stop()
        body = stage.answer({"type": "parallel", "n": 3, "stop": "none"})
        assert {row["worker"] for row in body["quorum"]["candidates"]} == {"w1"}
        assert body["quorum"]["decision"]["votes"] == 3
        assert 'quorum_worker_up{worker="w0"} 0.0' in stage.client.get("/metrics").text


def test_where_no_worker_can_be_reached_the_cause_is_told_once() -> None:
    with staged(timeouts={"probe_s": 60.0}, admission=BRIEFLY) as stage:
        stage.worker.stop()
        response = stage.ask("parallel-3")
        assert (response.status_code, response.json()["error"]["code"]) == (503, "no_worker")
        assert response.json()["error"]["message"] == "no connection to the worker: connection refused"
        assert response.headers["Retry-After"]


def test_money_for_the_hour_that_is_used_up_is_a_budget_and_no_deadline() -> None:
    with staged(prices={MODEL: {"gpu_hour": 3.6}}) as stage:
        strategy = {"type": "parallel", "n": 2, "stop": "none", "budget": {"max_cost_usd": 0.0003}}
        stage.play(in_turn(GOOD, Silence()))
        body = stage.answer(strategy)
        assert body["quorum"]["decision"]["stopped_by"] == "budget"
        assert body["quorum"]["cost"]["usd"] > 0
        stage.play(always(Silence()))
        assert stage.ask(strategy).json()["error"]["code"] == "budget_too_small"


def test_a_candidate_that_was_cut_off_has_the_prompt_of_its_siblings() -> None:
    slots = Status(status=200, body=b'{"total_slots": 4}')
    with staged(LlamaCpp(slots=4), routes={"/props": slots}) as stage:
        texts = ("The answer is 42.", "The answer is 42.", "word " * 600)
        stage.play(always(Reply(texts=texts, delay_per_chunk_s=0.01)))
        body = stage.answer("parallel-3")
        rows = body["quorum"]["candidates"]
        assert [row["fate"] for row in rows] == ["selected", "counted", "cancelled"]
        assert len({row["prompt_tokens"] for row in rows}) == 1
        assert body["usage"]["prompt_tokens"] == sum(row["prompt_tokens"] for row in rows) > 0


def test_answers_that_take_too_long_to_compare_do_not_outlast_the_deadline(stage: Stage) -> None:
    hostile = tuple(Reply(texts=(rf"\boxed{{({n}!)!+x}}",)) for n in (2_000_000, 2_000_001, 2_000_002))
    stage.play(in_turn(*hostile))
    body = stage.answer({"type": "parallel", "n": 3, "stop": "none", "budget": {"deadline_s": 1.0}})
    reasons = [row["reason"] for row in body["quorum"]["candidates"]]
    assert reasons.count(None) == 1
    assert reasons.count("not compared in time") == 2
    assert body["quorum"]["decision"]["of"] == 1


def test_rounds_without_any_worker_left_fail_each_with_its_cause() -> None:
    with staged(timeouts={"probe_s": 60.0}, admission=BRIEFLY) as stage, ThreadPoolExecutor() as threads:
        stage.play(always(Silence()))
        asked = threads.submit(stage.ask, {"type": "sequential", "rounds": 3})
        stage.worker.wait_until(lambda upstream: upstream.in_flight == 1)
        stage.worker.stop()
        assert (asked.result().status_code, asked.result().json()["error"]["code"]) == (503, "no_worker")


def test_what_a_worker_cannot_serve_now_is_drawn_from_another() -> None:
    with (
        hosted(Upstream(always(GOOD), models=(MODEL,))) as other,
        staged(workers_beside=[other.url], balancing="least_outstanding", health={"max_ejected": 0.0}) as stage,
    ):
        stage.play(always(Status(status=500, message="cannot schedule new futures after shutdown")))
        for strategy in ("single", "parallel-4", "sequential-2"):
            body = stage.answer(strategy)
            assert {row["worker"] for row in body["quorum"]["candidates"] if row["fate"] != "cancelled"} == {"w1"}
        stage.play(always(Status(status=400, message="too long")))
        assert stage.ask("single").status_code == 400


def test_a_chain_goes_on_where_it_was_while_another_is_still_drawn_there() -> None:
    late = Reply(texts=("The answer is 42.",), delay_first_s=0.3)
    with (
        hosted(Upstream(always(late), models=(MODEL,))) as other,
        staged(workers_beside=[other.url], balancing="least_outstanding") as stage,
    ):
        stage.play(in_turn(GOOD, late, GOOD, GOOD))
        body = stage.answer({"type": "hybrid", "chains": 2, "rounds": 2, "stop": "none"}, max_tokens=64)
        assert {row["worker"] for row in body["quorum"]["candidates"]} == {"w0"}


def test_what_came_from_the_cache_is_told_of_candidates_that_were_cut_off_too(stage: Stage) -> None:
    usage = Usage(prompt=1_000, completion=6, cached=900)
    quick = Reply(texts=("The answer is 42.",), usage=usage)
    slow = Reply(texts=("word " * 600,), usage=usage, delay_per_chunk_s=0.01)
    stage.play(in_turn(quick, quick, slow))
    body = stage.answer("parallel-3")
    assert [row["fate"] for row in body["quorum"]["candidates"]].count("cancelled") == 1
    assert body["quorum"]["cost"]["tokens"]["prompt_cached"] in {2_700, 1_800}  # the last may not have begun
    assert body["usage"]["prompt_tokens"] * 9 == body["quorum"]["cost"]["tokens"]["prompt_cached"] * 10


@pytest.mark.parametrize("strategy", ["single", {"type": "parallel", "n": 8, "stop": "none"}, "sequential-3"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_request_that_draws_all_leaves_nothing_behind_that_only_the_garbage_collector_finds(
    stage: Stage, *, strategy: object, stream: bool
) -> None:
    stage.play(always(GOOD))
    stage.ask(strategy, stream=stream)  # what is made once is there from now on
    with _garbage() as left:
        assert stage.ask(strategy, stream=stream).status_code == 200
        time.sleep(0.1)  # its tasks are still ending when its answer is here
    assert left == []


def test_nor_does_one_whose_vote_is_decided_early(stage: Stage) -> None:
    decided_early(stage)
    with _garbage() as left:
        decided_early(stage)
    assert left == []


def decided_early(stage: Stage) -> None:
    """Ask for a vote of eight that five decide, and wait until all has ended."""
    slow = Reply(texts=("word " * 600,), delay_per_chunk_s=0.01)
    stage.play(lambda received: slow if received.number >= 5 else GOOD)
    assert stage.answer("parallel-8")["quorum"]["decision"]["stopped_by"] == "decided"
    stage.worker.wait_until(lambda upstream: upstream.in_flight == 0)
    time.sleep(0.1)


@contextmanager
def _garbage() -> Generator[list[str]]:
    """Yield a list that holds in the end which of our own objects only the collector would have found."""
    found: list[str] = []
    gc.collect()
    gc.disable()
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found += [type(one).__qualname__ for one in gc.garbage if type(one).__module__.startswith("app.")]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
