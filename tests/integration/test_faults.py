"""Workers that misbehave: the others decide, the failure is listed, and no error text is ever an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.scripted.actions import (
    CloseIdle,
    ErrorInStream,
    Garbage,
    HalfBody,
    HangUp,
    NoFinish,
    Reset,
    Silence,
    Stall,
    Status,
)
from tests.scripted.reply import Reply
from tests.scripted.scripts import always, in_turn

if TYPE_CHECKING:
    from tests.scripted.actions import Fault
    from tests.stage import Stage

GOOD = Reply(texts=("The answer is 42.",))
LONG = Reply(texts=("one two three four five six",))
DRAW_ALL = {"type": "parallel", "n": 3, "stop": "none"}

FAULTS = [
    Status(status=500, message="CUDA exploded at line 7"),
    Status(status=503),
    Status(status=500, body=b"<html>stack trace</html>"),
    Status(status=200, body=b"<html>hello</html>"),
    Garbage(),
    Garbage(data=b"data: {not json\n\n"),
    Garbage(data=b'data: {"choices": 5}\n\n'),
    Garbage(data=b'data: {"choices": [{"index": 9, "delta": {"content": "x"}}]}\n\n'),
    Garbage(raw=True),
    HalfBody(reply=LONG, after_chunks=3),
    Silence(),
    Stall(reply=LONG, after_chunks=2),
    Reset(),
    ErrorInStream(reply=LONG, after_chunks=2),
    NoFinish(reply=LONG),
]


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if not isinstance(fault, Reset)], ids=repr)
def test_one_failed_candidate_is_listed_and_the_rest_decide(stage: Stage, fault: Fault) -> None:
    stage.play(in_turn(GOOD, fault, GOOD))
    body = stage.answer(DRAW_ALL)
    assert body["choices"][0]["message"]["content"] == "The answer is 42."
    rows = body["quorum"]["candidates"]
    failed = [row for row in rows if row["fate"] == "failed"]
    assert len(failed) == 1
    assert failed[0]["reason"]
    assert body["quorum"]["decision"]["votes"] == 2


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
@pytest.mark.parametrize("stream", [False, True])
def test_when_all_fail_the_error_lists_the_causes_and_is_no_answer(stage: Stage, fault: Fault, *, stream: bool) -> None:
    stage.play(always(fault))
    response = stage.ask("parallel-3", stream=stream)
    assert response.status_code == 502
    assert response.headers["content-type"] == "application/json"
    assert '"code":"all_candidates_failed"' in response.text
    assert "3 x" in response.text
    assert "Traceback" not in response.text
    assert "html" not in response.text


def test_a_connection_that_the_worker_closed_while_idle_is_replaced(stage: Stage) -> None:
    stage.play(in_turn(CloseIdle(reply=GOOD), GOOD))
    stage.answer("single")
    assert stage.answer("single")["choices"][0]["message"]["content"] == "The answer is 42."


@pytest.mark.parametrize("fault", [HangUp(), Reset()], ids=repr)
def test_a_kept_connection_that_ends_before_any_answer_is_replaced_once(stage: Stage, fault: Fault) -> None:
    stage.play(in_turn(GOOD, fault, GOOD))
    stage.answer("single")
    assert stage.answer("single")["choices"][0]["message"]["content"] == "The answer is 42."
    stage.play(in_turn(fault, fault, GOOD))
    assert stage.ask("single").status_code == 502


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_workers_own_refusal_comes_back_as_it_is(stage: Stage, status: int) -> None:
    stage.play(always(Status(status=status, message="top_k must be positive")))
    for strategy in ("single", "parallel-3"):
        response = stage.ask(strategy)
        assert response.status_code == status
        assert "top_k must be positive" in response.json()["error"]["message"]


def test_a_streamed_request_that_the_worker_refuses_gets_its_status_too(stage: Stage) -> None:
    stage.play(always(Status(status=400, message="no such tool")))
    response = stage.ask("single", stream=True)
    assert response.status_code == 400
    assert "no such tool" in response.json()["error"]["message"]


def test_the_gateways_own_key_being_refused_is_not_the_clients_fault(stage: Stage) -> None:
    stage.play(always(Status(status=401, message="bad key")))
    assert stage.ask("single").json()["error"]["code"] == "all_candidates_failed"


def test_fewer_finished_candidates_than_wanted_is_an_error(stage: Stage) -> None:
    stage.play(in_turn(GOOD, Status(status=500), GOOD))
    response = stage.ask({**DRAW_ALL, "min_candidates": 3})
    assert response.status_code == 502
    assert "2 of at least 3" in response.json()["error"]["message"]


def test_a_failed_round_does_not_end_a_sequence(stage: Stage) -> None:
    stage.play(in_turn(GOOD, Status(status=500), GOOD))
    rows = stage.answer({"type": "sequential", "rounds": 3, "stop": "none"})["quorum"]["candidates"]
    assert [row["fate"] for row in rows] == ["selected", "failed", "counted"]
    assert len(stage.seen[2].body["messages"]) == 3


def test_tokens_of_a_candidate_that_broke_off_are_on_the_account(stage: Stage) -> None:
    stage.play(in_turn(GOOD, HalfBody(reply=LONG, after_chunks=4), GOOD))
    by_fate = stage.answer(DRAW_ALL)["quorum"]["cost"]["tokens"]["by_fate"]
    assert by_fate["failed"] == 3


def test_half_a_batch_of_llama_cpp_still_counts(llama: Stage) -> None:
    words, ends = 4 * (1 + 4), 2 * 2  # a role and four words each; then two choices end, each with its usage
    llama.play(always(ErrorInStream(reply=GOOD, after_chunks=words + ends)))
    body = llama.answer({"type": "parallel", "n": 4, "stop": "none"})
    rows = body["quorum"]["candidates"]
    assert [row["fate"] for row in rows] == ["selected", "counted", "failed", "failed"]
    assert [row["completion_tokens"] for row in rows] == [4, 4, 4, 4]
    assert body["quorum"]["decision"]["votes"] == 2


def test_a_batch_of_llama_cpp_that_breaks_off_before_any_choice_ended_is_an_error(llama: Stage) -> None:
    llama.play(always(ErrorInStream(reply=GOOD, after_chunks=4 * (1 + 4))))
    response = llama.ask({"type": "parallel", "n": 4, "stop": "none"})
    assert (response.status_code, response.json()["error"]["code"]) == (502, "all_candidates_failed")


def test_a_deadline_returns_the_best_answer_so_far(stage: Stage) -> None:
    stage.play(in_turn(GOOD, Silence(), Silence()))
    body = stage.answer({**DRAW_ALL, "budget": {"deadline_s": 0.3}})
    assert body["choices"][0]["message"]["content"] == "The answer is 42."
    assert body["quorum"]["decision"]["stopped_by"] == "deadline"
    assert [row["fate"] for row in body["quorum"]["candidates"]].count("cancelled") == 2
    stage.worker.wait_until(lambda upstream: upstream.in_flight == 0)


def test_a_deadline_without_any_answer_is_a_504(stage: Stage) -> None:
    stage.play(always(Silence()))
    response = stage.ask({**DRAW_ALL, "budget": {"deadline_s": 0.3}})
    assert (response.status_code, response.json()["error"]["code"]) == (504, "deadline_exceeded")
    stage.worker.wait_until(lambda upstream: upstream.in_flight == 0)


def test_a_token_budget_reserves_whole_candidates_and_draws_as_room_is_left(stage: Stage) -> None:
    stage.play(always(GOOD))
    strategy = {"type": "parallel", "n": 6, "stop": "none", "budget": {"max_completion_tokens": 16}}
    body = stage.answer(strategy, max_tokens=8)
    assert body["usage"]["completion_tokens"] <= 16
    assert body["quorum"]["decision"]["stopped_by"] == "budget"
    fates = [row["fate"] for row in body["quorum"]["candidates"]]
    assert fates.count("cancelled") == 6 - len(stage.seen)


def test_a_token_budget_cuts_candidates_of_unknown_length_off(stage: Stage) -> None:
    endless = Reply(texts=("word " * 2_000,), delay_per_chunk_s=0.001)
    stage.play(in_turn(GOOD, endless, endless))
    body = stage.answer({**DRAW_ALL, "budget": {"max_completion_tokens": 60}})
    assert body["quorum"]["decision"]["stopped_by"] == "budget"
    assert body["choices"][0]["message"]["content"] == "The answer is 42."
    assert body["usage"]["completion_tokens"] < 200
    stage.worker.wait_until(lambda upstream: upstream.in_flight == 0)


def test_a_budget_of_money_is_kept(stage: Stage) -> None:
    stage.play(always(GOOD))
    budget = {"max_cost_usd": 0.00012}
    body = stage.answer({"type": "parallel", "n": 16, "stop": "none", "budget": budget}, max_tokens=10)
    assert 0 < body["quorum"]["cost"]["usd"] <= 0.00012
    assert len(stage.seen) > 1
    assert body["quorum"]["decision"]["stopped_by"] == "budget"


def test_a_worker_that_is_gone_is_a_503_until_it_is_back(stage: Stage) -> None:
    stage.worker.stop()
    try:
        assert stage.ask("parallel-2").status_code in {502, 503}
        response = stage.ask("parallel-2")
        assert (response.status_code, response.json()["error"]["code"]) == (503, "no_worker")
        assert int(response.headers["Retry-After"]) > 0
        assert stage.client.get("/readyz").status_code == 503
        assert stage.client.get("/healthz").status_code == 200
    finally:
        stage.worker.start()
    stage.wait_ready()
