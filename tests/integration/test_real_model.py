"""The OpenAI client, unchanged, against the real embedded model: every strategy, every way to choose it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import openai
import pytest
from openai import OpenAI

from app.settings.settings import Settings
from tests.stage import gateway

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

MODEL = "smollm2-135m-instruct"
MESSAGES: Any = [{"role": "user", "content": "What is the capital of France? Answer in one word."}]
SPECS: dict[str, dict[str, object]] = {
    "single": {"type": "single"},
    "parallel": {"type": "parallel", "n": 8, "stop": "none"},
    "parallel over the slots": {"type": "parallel", "n": 10, "stop": "none"},
    "sequential": {"type": "sequential", "rounds": 3, "stop": "none"},
    "hybrid by chains": {"type": "hybrid", "chains": 2, "rounds": 2, "stop": "none"},
    "hybrid by widths": {"type": "hybrid", "widths": [1, 1, 3], "stop": "none"},
    "reject": {"type": "reject", "max_attempts": 3, "verifiers": [{"type": "exact", "answer": "never"}]},
    "with thinking of others": {
        "type": "sequential",
        "rounds": 2,
        "stop": "none",
        "context": {"history": "solutions", "keep_thinking": True, "feedback": "detail", "pad_tokens": 100},
    },
}


@pytest.fixture(scope="module")
def client() -> Iterator[OpenAI]:
    with (
        gateway(Settings.model_validate({"embedded": {"context": 1024}})) as url,
        OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as running,
    ):
        yield running


def ask(client: OpenAI, strategy: object, **fields: Any) -> Any:  # noqa: ANN401 - whatever the client returns
    chosen: dict[str, Any] = {"model": MODEL, "messages": MESSAGES, "max_tokens": 24, "seed": 1, **fields}
    create: Any = client.chat.completions.create
    return create(**chosen, extra_body={"strategy": strategy} if strategy else None)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_every_strategy_answers_and_its_usage_is_the_sum_of_its_candidates(
    client: OpenAI, spec: dict[str, object]
) -> None:
    answer = ask(client, spec)
    account = answer.model_extra["quorum"]
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason in {"stop", "length"}
    assert {row["fate"] for row in account["candidates"]} <= {"selected", "counted", "rejected"}
    assert answer.usage.completion_tokens == sum(row["completion_tokens"] for row in account["candidates"])
    assert answer.usage.prompt_tokens == sum(row["prompt_tokens"] for row in account["candidates"]) > 0
    assert all(0 < row["completion_tokens"] <= 24 for row in account["candidates"])


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_every_strategy_streams_with_the_same_account(client: OpenAI, spec: dict[str, object]) -> None:
    chunks = list(ask(client, spec, stream=True, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    last = chunks[-1]
    rows = last.model_extra["quorum"]["candidates"]
    assert text
    assert last.usage.completion_tokens == sum(row["completion_tokens"] for row in rows)


def test_the_strategy_can_come_from_the_body_the_header_and_the_model(client: OpenAI) -> None:
    by_body = ask(client, "parallel-2")
    by_header = ask(client, None, extra_headers={"X-Quorum-Strategy": "sequential-2"})
    by_model = ask(client, None, model=f"{MODEL}+reject-2")
    answers = (by_body, by_header, by_model)
    assert [answer.model_extra["quorum"]["selected_by"] for answer in answers] == ["body", "header", "model"]
    assert {answer.model for answer in answers} == {MODEL}


def test_a_streaming_loop_that_looks_at_the_first_choice_of_every_chunk_works(client: OpenAI) -> None:
    for strategy in ("single", "parallel-3"):
        chunks = ask(client, strategy, stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


def test_raw_headers_name_the_run(client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=MESSAGES, max_tokens=4)
    assert raw.headers["x-quorum-run-id"].startswith("run_")


def test_the_models_are_listed(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == [MODEL]


def test_the_same_seed_gives_the_same_candidates(client: OpenAI) -> None:
    spec = {"type": "parallel", "n": 3, "stop": "none", "include": ["texts"]}
    runs = [ask(client, spec, seed=11).model_extra["quorum"]["candidates"] for _ in range(2)]
    first, second = ([row["text"] for row in rows] for rows in runs)
    assert first == second
    assert len(set(first)) > 1


def test_padding_costs_about_as_many_prompt_tokens_as_it_says(client: OpenAI) -> None:
    plain = ask(client, {"type": "parallel", "n": 1}).usage.prompt_tokens
    padded = ask(client, {"type": "parallel", "n": 1, "context": {"pad_tokens": 400}}).usage.prompt_tokens
    assert 400 <= padded - plain <= 440


def test_errors_are_the_clients_own_exceptions(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="parallel-N"):
        ask(client, "quick")
    with pytest.raises(openai.NotFoundError, match=MODEL):
        ask(client, None, model="gpt-17")


def test_a_prompt_over_the_context_is_the_workers_own_400(client: OpenAI) -> None:
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError):
            ask(client, "parallel-2", stream=stream, messages=[{"role": "user", "content": "word " * 3_000}])


def test_a_json_schema_is_obeyed_and_its_answers_are_compared_as_json(client: OpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {"capital": {"enum": ["Paris", "Rome"]}},
        "additionalProperties": False,
        "required": ["capital"],
    }
    shape = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    answer = ask(client, {"type": "parallel", "n": 4, "stop": "none"}, response_format=shape)
    rows = answer.model_extra["quorum"]["candidates"]
    answers = [row["answer"] for row in rows if row["answer"]]
    assert all(json.loads(one)["capital"] in {"Paris", "Rome"} for one in answers)
    assert (
        len({json.loads(one)["capital"] for one in answers})
        == answer.model_extra["quorum"]["diversity"]["distinct_answers"]
    )


def test_logprobs_are_returned_with_the_winner(client: OpenAI) -> None:
    answer = ask(client, "parallel-2", logprobs=True, top_logprobs=2)
    assert answer.choices[0].logprobs.content[0].logprob <= 0
