"""The rest of the HTTP surface."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.scripted.actions import Silence, Status
from tests.scripted.reply import Reply, Usage
from tests.scripted.scripts import always
from tests.stage import MODEL, QUESTION, staged

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2

    from tests.stage import Stage

ANSWER = Reply(texts=("The answer is 42.",))


@pytest.fixture(scope="module")
def guarded() -> Iterator[Stage]:
    with staged(api_keys=["secret-one", "secret-two", "clé-à"]) as running:
        yield running


def selected(response: httpx2.Response) -> tuple[str, str]:
    account = response.json()["quorum"]
    return account["strategy"]["type"], account["selected_by"]


def test_the_strategy_is_chosen_by_body_then_header_then_suffix_then_default(stage: Stage) -> None:
    header = {"X-Quorum-Strategy": "parallel-2"}
    body = {**QUESTION, "model": "scripted+sequential-2"}
    post = stage.client.post
    path = "/v1/chat/completions"
    assert selected(post(path, json={**body, "strategy": "reject-2"}, headers=header)) == ("reject", "body")
    assert selected(post(path, json=body, headers=header)) == ("parallel", "header")
    assert selected(post(path, json=body)) == ("sequential", "model")
    assert selected(post(path, json=QUESTION)) == ("single", "default")


def test_a_header_may_hold_a_spec(stage: Stage) -> None:
    header = {"X-Quorum-Strategy": json.dumps({"type": "parallel", "n": 3})}
    response = stage.client.post("/v1/chat/completions", json=QUESTION, headers=header)
    assert response.json()["quorum"]["strategy"]["n"] == 3


def test_a_suffix_may_hold_a_plus(stage: Stage) -> None:
    assert stage.answer(model="scripted+hybrid-1+1+2")["quorum"]["strategy"]["widths"] == [1, 1, 2]


def test_a_preset_is_a_strategy_by_name(stage: Stage) -> None:
    assert stage.answer("three")["quorum"]["strategy"]["n"] == 3


def test_unknown_fields_are_passed_through_and_our_own_are_not(stage: Stage) -> None:
    stage.answer("parallel-2", top_k=5, chat_template_kwargs={"enable_thinking": False}, user="me")
    body = stage.seen[0].body
    assert body["top_k"] == 5
    assert body["chat_template_kwargs"] == {"enable_thinking": False}
    assert body["stream"] is True
    assert not {"strategy", "n"} & set(body)


def test_the_same_holds_for_single(stage: Stage) -> None:
    stage.answer("single", min_p=0.1, stop=["x"])
    assert (stage.seen[0].body["min_p"], stage.seen[0].body["stop"]) == (0.1, ["x"])


def test_the_response_is_openais_with_the_documented_account(stage: Stage) -> None:
    stage.play(always(ANSWER))
    body = stage.answer({"type": "parallel", "n": 3, "stop": "none"})
    assert set(body) == {"id", "object", "created", "model", "choices", "usage", "quorum"}
    account = body["quorum"]
    assert set(account) == {
        "run_id", "strategy", "selected_by", "experiment", "arm",
        "decision", "candidates", "diversity", "cost", "timing",
    }  # fmt: skip
    assert account["decision"]["votes"] == 3
    assert account["diversity"]["distinct_answers"] == 1
    assert account["diversity"]["mean_pairwise_similarity"] == 1.0
    assert account["timing"]["total_ms"] >= account["timing"]["gateway_ms"] >= 0
    assert account["cost"]["calls"] == 3


def test_candidates_are_listed_as_the_client_wants_them(stage: Stage) -> None:
    stage.play(always(ANSWER))
    listed = stage.answer({"type": "parallel", "n": 1, "include": ["texts"]})["quorum"]["candidates"]
    assert listed[0]["text"] == "The answer is 42."
    assert "candidates" not in stage.answer({"type": "parallel", "n": 1, "include": []})["quorum"]


def test_cost_follows_the_configured_prices(stage: Stage) -> None:
    stage.play(always(Reply(usage=Usage(prompt=1_000_000, cached=400_000, completion=500_000))))
    cost = stage.answer("single")["quorum"]["cost"]
    assert cost["usd"] == pytest.approx(0.6 * 1.0 + 0.4 * 0.5 + 0.5 * 2.0)
    assert cost["tokens"]["prompt_cached"] == 400_000


def test_a_dry_run_tells_the_worst_case_and_runs_nothing(stage: Stage) -> None:
    query = {"dry_run": "true"}
    body = {**QUESTION, "strategy": "sequential-3", "max_tokens": 100}
    told = stage.client.post("/v1/chat/completions", params=query, json=body).json()
    assert told["worst_case"]["calls"] == 3
    assert told["worst_case"]["completion_tokens"] == 300
    assert told["worst_case"]["prompt_tokens"] > 300
    assert told["worst_case"]["cost_usd"] > 0
    assert told["strategy"]["type"] == "sequential"
    assert not stage.seen


def test_a_dry_run_checks_as_a_real_one_does(stage: Stage) -> None:
    query = {"dry_run": "true"}
    bad = {**QUESTION, "strategy": "parallel-0"}
    assert stage.client.post("/v1/chat/completions", params=query, json=bad).status_code == 400
    assert stage.client.post("/v1/chat/completions", params={"dry_run": "perhaps"}, json=QUESTION).status_code == 400
    absent = {**QUESTION, "model": "nothing"}
    assert stage.client.post("/v1/chat/completions", params=query, json=absent).status_code == 404


def test_a_recent_run_can_be_looked_up(stage: Stage) -> None:
    body = stage.answer("parallel-2")
    found = stage.client.get(f"/v1/runs/{body['quorum']['run_id']}")
    assert found.json() == body


def test_a_streamed_run_can_be_looked_up_too(stage: Stage) -> None:
    run_id = stage.ask("parallel-2", stream=True).headers["X-Quorum-Run-Id"]
    assert stage.client.get(f"/v1/runs/{run_id}").json()["quorum"]["run_id"] == run_id


def test_models_are_those_of_the_workers(stage: Stage) -> None:
    listed = stage.client.get("/v1/models").json()
    assert [model["id"] for model in listed["data"]] == ["scripted"]


def test_every_part_is_listed_with_a_valid_schema(stage: Stage) -> None:
    listed = stage.client.get("/v1/strategies").json()
    names = {kind: {part["type"] for part in listed[kind]} for kind in listed if isinstance(listed[kind], list)}
    assert names["strategies"] == {"single", "parallel", "sequential", "hybrid", "reject"}
    assert names["aggregators"] >= {"majority", "weighted", "best_of", "last", "first_accepted"}
    assert names["stop_rules"] >= {"none", "decided"}
    assert names["verifiers"] >= {"math", "exact", "regex", "choice", "json_schema"}
    for kind in names:
        for part in listed[kind]:
            jsonschema.Draft202012Validator.check_schema(part["schema"])
            assert part["description"]
    assert listed["presets"]["three"]["n"] == 3


def test_the_openapi_document_holds_the_chat_endpoint_and_every_part(stage: Stage) -> None:
    document: dict[str, Any] = stage.client.get("/openapi.json").json()
    assert "post" in document["paths"]["/v1/chat/completions"]
    schemas = document["components"]["schemas"]
    assert {"ChatRequest", "Parallel", "Majority", "Decided", "MathVerifier"} <= set(schemas)
    references = {part.split('"')[0] for part in json.dumps(document).split("#/components/schemas/")[1:]}
    assert references <= set(schemas)


def test_metrics_count_what_happened(stage: Stage) -> None:
    stage.play(always(ANSWER))

    def value(name: str, **labels: str) -> float:
        families = text_string_to_metric_families(stage.client.get("/metrics").text)
        samples = [sample for family in families for sample in family.samples]
        found = [s.value for s in samples if s.name == name and labels.items() <= s.labels.items()]
        return sum(found)

    names = {"model": "scripted", "strategy": "parallel"}
    before = {
        "requests": value("quorum_requests_total", outcome="ok", **names),
        "candidates": value("quorum_candidates_total", **names),
        "tokens": value("quorum_tokens_total", kind="completion"),
    }
    stage.answer({"type": "parallel", "n": 3, "stop": "none"})
    assert value("quorum_requests_total", outcome="ok", **names) == before["requests"] + 1
    assert value("quorum_candidates_total", **names) == before["candidates"] + 3
    assert value("quorum_tokens_total", kind="completion") == before["tokens"] + 12
    assert value("quorum_worker_up", worker="w0") == 1
    assert value("quorum_worker_in_flight", worker="w0") == 0


def test_a_model_that_nobody_serves_is_no_label(stage: Stage) -> None:
    assert stage.ask("parallel-2", model="made-up-by-a-client").status_code == 404
    told = stage.client.get("/metrics").text
    assert "made-up-by-a-client" not in told
    assert 'quorum_requests_total{model="unknown",outcome="model_not_found",strategy="parallel"}' in told


def test_errors_of_a_run_bear_its_headers(stage: Stage) -> None:
    stage.play(always(Status(status=500)))
    failed = stage.ask("parallel-2")
    assert failed.status_code == 502
    assert failed.headers["X-Quorum-Run-Id"].startswith("run_")
    assert failed.headers["X-Quorum-Strategy"] == "parallel"
    assert "X-Quorum-Run-Id" not in stage.ask("parallel-0").headers


def test_a_key_is_needed_where_keys_are_configured(guarded: Stage) -> None:
    for path in ("/v1/models", "/v1/strategies", "/v1/runs/x"):
        assert guarded.client.get(path).status_code == 401
    response = guarded.ask("single")
    assert (response.status_code, response.json()["error"]["code"]) == (401, "invalid_api_key")
    for wrong in ("Bearer", "Bearer secret", "Basic secret-one", "secret-one", "Bearer sécret"):
        headers = [(b"Authorization", wrong.encode())]
        assert guarded.client.get("/v1/models", headers=headers).status_code == 401


def test_any_of_the_keys_opens(guarded: Stage) -> None:
    for key in ("secret-one", "secret-two"):
        headers = {"Authorization": f"Bearer {key}"}
        assert guarded.client.get("/v1/models", headers=headers).status_code == 200
        response = guarded.client.post("/v1/chat/completions", json=QUESTION, headers=headers)
        assert response.status_code == 200


def test_a_key_may_have_letters_beyond_ascii(guarded: Stage) -> None:
    headers = [(b"Authorization", "Bearer clé-à".encode())]
    assert guarded.client.get("/v1/models", headers=headers).status_code == 200


def test_the_clients_key_is_not_handed_to_workers(guarded: Stage) -> None:
    guarded.play(always(ANSWER))
    guarded.client.post("/v1/chat/completions", json=QUESTION, headers={"Authorization": "Bearer secret-one"})
    assert "secret-one" not in str(guarded.seen[-1].headers)


def test_probes_need_no_key(guarded: Stage) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert guarded.client.get(path).status_code == 200


def test_one_model_is_told_by_its_name(stage: Stage) -> None:
    found = stage.client.get(f"/v1/models/{MODEL}").json()
    assert found in stage.client.get("/v1/models").json()["data"]
    missing = stage.client.get("/v1/models/another/name")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")


def test_a_deadline_tells_openais_client_not_to_try_again(stage: Stage) -> None:
    stage.play(always(Silence()))
    late = stage.ask({"type": "single", "budget": {"deadline_s": 0.2}})
    assert (late.status_code, late.headers["X-Should-Retry"]) == (504, "false")
