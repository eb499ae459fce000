"""Every wrong request gets the documented error, names the field, and leaves the server serving."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    import httpx2

    from tests.stage import Stage

HI = [{"role": "user", "content": "hi"}]
REGEX_THAT_BACKTRACKS = r"(a+)+$"


def error_of(response: httpx2.Response) -> dict[str, Any]:
    body = response.json()
    assert list(body) == ["error"]
    assert list(body["error"]) == ["message", "type", "param", "code"]
    assert "Traceback" not in response.text
    return body["error"]


def verified(**verifier: object) -> dict[str, object]:
    return {"type": "parallel", "n": 2, "verifiers": [verifier]}


@pytest.fixture(autouse=True)
def still_serving(stage: Stage) -> Any:  # noqa: ANN401 - a generator fixture
    yield
    assert stage.answer("single")["choices"][0]["message"]["content"] == "ok"


@pytest.mark.parametrize(
    "body", [b"", b"nonsense", b"[1, 2", b'"text"', b"[]", b"\xff\xfe", b"[" * 100_000, b'{"model": NaN}', b"null"]
)
def test_a_body_that_is_no_json_object_is_refused(stage: Stage, body: bytes) -> None:
    response = stage.client.post("/v1/chat/completions", content=body)
    assert (response.status_code, error_of(response)["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": None}, "model"),
        ({"model": 5}, "model"),
        ({"model": ""}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": ["hi"]}, "messages.0"),
        ({"messages": [{"content": "hi"}]}, "messages.0.role"),
        ({"messages": [{"role": "king", "content": "hi"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages.0.content"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": -1}, "temperature"),
        ({"top_p": 2}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"n": 0}, "n"),
        ({"n": -3}, "n"),
        ({"n": 1_000_000}, "n"),
        ({"n": 2.5}, "n"),
        ({"seed": "x"}, "seed"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": []}, "stream_options"),
        ({"tools": {}}, "tools"),
        ({"response_format": "json"}, "response_format"),
        ({"messages": [{"role": "x"}] * 2_048}, "messages.0.role"),
        ({"tools": [1] * 100_000}, "tools.0"),
        ({"logprobs": 3}, "logprobs"),
    ],
)
def test_a_field_of_the_wrong_kind_is_named(stage: Stage, change: dict[str, object], param: str) -> None:
    body = {"model": "scripted", "messages": HI, **change}
    response = stage.client.post("/v1/chat/completions", json=body)
    error = error_of(response)
    assert (response.status_code, error["code"], error["param"]) == (400, "invalid_request", param), error


@pytest.mark.parametrize(
    ("strategy", "param"),
    [
        ("quick", "strategy"),
        ("", "strategy"),
        ("parallel", "strategy"),
        ("parallel-x", "strategy"),
        ("parallel-0", "strategy.n"),
        ("parallel--1", "strategy"),
        ("parallel-1000000", "strategy.n"),
        ("parallel-99999999999999999999", "strategy"),
        ("hybrid-0x3", "strategy.chains"),
        ("hybrid-1+0+3", "strategy.widths.1"),
        (5, "strategy"),
        ([], "strategy"),
        ({}, "strategy"),
        ({"type": "quick"}, "strategy"),
        ({"type": "parallel"}, "strategy.n"),
        ({"type": "parallel", "n": 0}, "strategy.n"),
        ({"type": "parallel", "n": -1}, "strategy.n"),
        ({"type": "parallel", "n": 1_000_000}, "strategy.n"),
        ({"type": "parallel", "n": "eight"}, "strategy.n"),
        ({"type": "parallel", "n": 2, "colour": "red"}, "strategy.colour"),
        ({"type": "parallel", "n": 2, "aggregator": "median"}, "strategy.aggregator"),
        ({"type": "parallel", "n": 2, "aggregator": {"type": "weighted", "unscored": 7}},
         "strategy.aggregator.unscored"),
        ({"type": "parallel", "n": 2, "aggregator": "best_of"}, "strategy"),
        ({"type": "parallel", "n": 2, "stop": "later"}, "strategy.stop"),
        ({"type": "parallel", "n": 2, "answer": "guess"}, "strategy.answer"),
        ({"type": "parallel", "n": 2, "answer": {"type": "regex", "pattern": "("}}, "strategy.answer.pattern"),
        ({"type": "parallel", "n": 2, "min_candidates": 3}, "strategy"),
        ({"type": "parallel", "n": 2, "include": ["secrets"]}, "strategy.include.0"),
        ({"type": "parallel", "n": 2, "sampling": {"temperature": []}}, "strategy.sampling.temperature"),
        ({"type": "parallel", "n": 2, "context": {"pad_tokens": -1}}, "strategy.context.pad_tokens"),
        ({"type": "parallel", "n": 2, "sampling": {"temperature": ["x"] * 200_000}}, "strategy"),
        ({"type": "parallel", "n": 2, "sampling": {"temperature": [1.0] * 65}}, "strategy.sampling.temperature"),
        ({"type": "parallel", "n": 2, "context": {"pad_tokens": 32_769}}, "strategy.context.pad_tokens"),
        ({"type": "parallel", "n": 2, "include": ["texts"] * 3}, "strategy.include"),
        ({"type": "parallel", "n": 2, "verifiers": [{"type": "math", "answer": "1"}] * 9}, "strategy.verifiers"),
        ({"type": "reject", "max_attempts": 2, "reject_if": ["failed"] * 9}, "strategy.reject_if"),
        ({"type": "hybrid", "widths": [1] * 1_025}, "strategy.widths"),
        ({"type": "parallel", "n": 2, "budget": {"max_completion_tokens": 0}}, "strategy.budget.max_completion_tokens"),
        ({"type": "sequential", "rounds": 2, "context": {"template": "Again!"}}, "strategy.context"),
        ({"type": "sequential", "rounds": 2, "context": {"history": "solutions", "template": "x"}}, "strategy.context"),
        ({"type": "hybrid", "widths": []}, "strategy.widths"),
        ({"type": "hybrid"}, "strategy"),
        ({"type": "hybrid", "chains": 2}, "strategy"),
        ({"type": "hybrid", "chains": 2, "rounds": 2, "widths": [1]}, "strategy"),
        ({"type": "hybrid", "chains": 1000, "rounds": 1000}, "strategy"),
        ({"type": "reject", "max_attempts": 2, "accept": 3}, "strategy"),
        ({"type": "reject", "max_attempts": 2, "reject_if": ["ugly"]}, "strategy.reject_if.0"),
        ({"type": "reject", "max_attempts": 2, "reject_if": [{"similarity_above": 3}]},
         "strategy.reject_if.0.similarity_above"),
        ({"type": "single", "aggregator": "majority"}, "strategy"),
        (verified(type="oracle"), "strategy.verifiers.0"),
        (verified(type="math"), "strategy.verifiers.0.answer"),
        (verified(type="regex", pattern="("), "strategy.verifiers.0.pattern"),
        (verified(type="json_schema", schema={"type": "nonsense"}), "strategy.verifiers.0.schema"),
        (verified(type="json_schema", schema=5), "strategy.verifiers.0.schema"),
        (verified(type="json_schema", schema={"pattern": "("}), "strategy.verifiers.0.schema"),
    ],
)  # fmt: skip
def test_a_strategy_that_is_none_is_refused_with_the_field_named(stage: Stage, strategy: object, param: str) -> None:
    response = stage.ask(strategy)
    error = error_of(response)
    assert (response.status_code, error["code"]) == (400, "invalid_strategy"), error
    assert error["param"] == param, error
    assert not stage.seen


def test_an_unknown_strategy_is_told_the_valid_ones(stage: Stage) -> None:
    message = error_of(stage.ask("quick"))["message"]
    assert "parallel-N" in message
    assert "three" in message


def test_an_unknown_part_is_told_the_valid_ones(stage: Stage) -> None:
    message = error_of(stage.ask({"type": "parallel", "n": 2, "aggregator": "median"}))["message"]
    assert "majority" in message


def test_a_strategy_over_the_servers_limit_is_refused(stage: Stage) -> None:
    error = error_of(stage.ask("parallel-65"))
    assert (error["code"], error["param"]) == ("invalid_strategy", "strategy")
    assert "64" in error["message"]


def test_more_answers_than_candidates_are_refused(stage: Stage) -> None:
    assert error_of(stage.ask("parallel-2", n=3))["param"] == "n"


def test_a_regex_that_backtracks_elsewhere_is_matched_in_linear_time(stage: Stage) -> None:
    body = stage.answer(verified(type="regex", pattern=REGEX_THAT_BACKTRACKS))
    assert {row["verdict"]["status"] for row in body["quorum"]["candidates"] if row["verdict"]} == {"fail"}


def test_a_model_that_does_not_exist_is_a_404_that_lists_those_that_do(stage: Stage) -> None:
    response = stage.ask("parallel-2", model="gpt-17")
    error = error_of(response)
    assert (response.status_code, error["code"], error["param"]) == (404, "model_not_found", "model")
    assert "scripted" in error["message"]


def test_a_budget_that_not_even_one_candidate_fits_is_refused(stage: Stage) -> None:
    strategy = {"type": "parallel", "n": 2, "budget": {"max_completion_tokens": 10}}
    assert error_of(stage.ask(strategy, max_tokens=100))["code"] == "budget_too_small"
    assert not stage.seen


def test_money_that_not_even_one_candidate_fits_is_refused(stage: Stage) -> None:
    strategy = {"type": "parallel", "n": 2, "budget": {"max_cost_usd": 1e-9}}
    assert error_of(stage.ask(strategy, max_tokens=100))["code"] == "budget_too_small"


def test_a_body_over_the_limit_is_refused_before_it_is_read(stage: Stage) -> None:
    response = stage.client.post("/v1/chat/completions", content=b"x" * (8 * 1024 * 1024 + 1))
    assert (response.status_code, error_of(response)["code"]) == (413, "request_too_large")


def test_messages_over_the_limit_are_refused(stage: Stage) -> None:
    long = [{"role": "user", "content": "x" * 2_000_001}]
    response = stage.ask("single", messages=long)
    assert (response.status_code, error_of(response)["code"]) == (413, "request_too_large")
    response = stage.ask("single", messages=HI * 2_049)
    assert (response.status_code, error_of(response)["code"]) == (413, "request_too_large")


@pytest.mark.parametrize("wrong", [{"role": "x"}, 5, [[]], {"role": "user", "content": 5}])
def test_what_is_too_much_is_refused_before_it_is_looked_at(stage: Stage, wrong: object) -> None:
    response = stage.ask("single", messages=[wrong] * 12_000)
    assert (response.status_code, error_of(response)["code"]) == (413, "request_too_large")
    response = stage.ask("single", messages=[wrong, {"role": "user", "content": "x" * 2_000_001}])
    assert (response.status_code, error_of(response)["code"]) == (413, "request_too_large")


def test_long_content_in_parts_counts_too(stage: Stage) -> None:
    parts = [{"type": "text", "text": "x" * 1_000_001}] * 2
    response = stage.ask("single", messages=[{"role": "user", "content": parts}])
    assert response.status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/v1/nothing", 404), ("GET", "/v1/chat/completions", 405)]
)
def test_an_unknown_path_or_method_is_an_error_of_openais_shape(
    stage: Stage, method: str, path: str, status: int
) -> None:
    response = stage.client.request(method, path)
    assert response.status_code == status
    error_of(response)


def test_an_unknown_run_is_a_404(stage: Stage) -> None:
    response = stage.client.get("/v1/runs/run_nothing")
    assert response.status_code == 404
    error_of(response)


def test_a_bad_header_strategy_is_refused(stage: Stage) -> None:
    body = {"model": "scripted", "messages": HI}
    for value in ("quick", "{not json", '{"type": "parallel"}'):
        response = stage.client.post("/v1/chat/completions", json=body, headers={"X-Quorum-Strategy": value})
        assert error_of(response)["code"] == "invalid_strategy", value


def test_a_bad_model_suffix_is_refused(stage: Stage) -> None:
    assert error_of(stage.ask(model="scripted+quick"))["code"] == "invalid_strategy"


def test_a_field_with_a_long_name_is_named_by_its_beginning(stage: Stage) -> None:
    error = error_of(stage.ask({"type": "parallel", "n": 2, "x" * 1_000_000: 1}))
    assert error["param"] == "strategy." + "x" * 191
    assert len(error["message"]) <= 2_000


def test_a_strategy_header_of_unreasonable_length_is_told_by_its_beginning(stage: Stage) -> None:
    body = {"model": "scripted", "messages": HI}
    headers = {"X-Quorum-Strategy": "x" * 100_000}
    response = stage.client.post("/v1/chat/completions", json=body, headers=headers)
    error = error_of(response)
    assert (response.status_code, error["code"], error["param"]) == (400, "invalid_strategy", "strategy")
    assert len(error["message"]) < 500


def test_headers_without_end_are_refused(stage: Stage) -> None:
    address = urlsplit(stage.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-Long: ")
        with contextlib.suppress(ConnectionError):
            for _ in range(64):
                connection.sendall(b"x" * 65_536)
        with contextlib.suppress(ConnectionError):  # hung up on, with what was still on its way
            assert connection.recv(64).startswith(b"HTTP/1.1 400")
