"""The verifier `reward_model` on a real vLLM that pools, beside the embedded model that generates."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from app.settings.settings import Settings
from app.workers.embedded import EmbeddedWorker
from tests.hosting import running
from tests.stage import gateway
from tests.vllm.servers import vllm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.vllm.servers import Vllm

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(600)]

MESSAGES = [{"role": "user", "content": "Name a fruit."}]


@pytest.fixture(scope="module")
def rewards() -> Iterator[Vllm]:
    with vllm("reward", "reward") as server:
        yield server


@pytest.fixture(scope="module")
def client(rewards: Vllm) -> Iterator[httpx2.Client]:
    with (
        running(EmbeddedWorker) as model,
        gateway(Settings.model_validate({"workers": [model.url, rewards.url]})) as url,
        httpx2.Client(base_url=url, timeout=300) as client,
    ):
        yield client


def answer(client: httpx2.Client, **parameters: object) -> dict[str, Any]:
    verifier = {"type": "reward_model", "model": "reward", **parameters}
    spec = {"type": "parallel", "n": 3, "stop": "none", "include": ["texts"], "verifiers": [verifier]}
    spec["aggregator"] = "best_of"
    body = {
        "model": "smollm2-135m-instruct",
        "messages": MESSAGES,
        "strategy": spec,
        "max_tokens": 24,
        "seed": 7,
        "temperature": 1.0,
    }
    response = client.post("/v1/chat/completions", json=body)
    assert response.status_code == 200, response.text
    return response.json()


def own_score(server: Vllm, api: str, text: str, **fields: object) -> tuple[float, int]:
    """Return the score and the prompt tokens that vLLM gives when it is asked without Quorum."""
    if api == "score":
        body = {"text_1": MESSAGES[-1]["content"], "text_2": text}
    else:
        body = {"messages": [*MESSAGES, {"role": "assistant", "content": text}]}
    answered = httpx2.post(f"{server.url}/{api}", json={"model": "reward", **body, **fields}, timeout=60).json()
    value = json.dumps(answered["data"][0][{"classify": "probs", "pooling": "data", "score": "score"}[api]])
    return float(value.strip("[]")), answered["usage"]["prompt_tokens"]


@pytest.mark.parametrize("api", ["classify", "pooling", "score"])
def test_scores_and_tokens_are_those_that_vllm_gives_and_the_best_is_chosen(
    client: httpx2.Client, rewards: Vllm, api: str
) -> None:
    body = answer(client, api=api)
    candidates = body["quorum"]["candidates"]
    own = [own_score(rewards, api, candidate["text"]) for candidate in candidates]
    scores = [candidate["verdict"]["score"] for candidate in candidates]
    assert scores == pytest.approx([score for score, _ in own], abs=0.01)
    assert len(set(scores)) > 1
    best = candidates[scores.index(max(scores))]
    assert body["choices"][0]["message"]["content"] == best["text"]
    drawn = sum(candidate["prompt_tokens"] for candidate in candidates)
    assert body["usage"]["prompt_tokens"] - drawn == sum(tokens for _, tokens in own)


def test_a_sigmoid_of_the_raw_value_is_what_vllm_itself_makes_of_it(client: httpx2.Client, rewards: Vllm) -> None:
    for candidate in answer(client, activation="sigmoid", pass_at=0.0)["quorum"]["candidates"]:
        activated, _ = own_score(rewards, "classify", candidate["text"], use_activation=True)
        assert candidate["verdict"]["score"] == pytest.approx(activated, abs=0.01)
        assert candidate["verdict"]["status"] == "pass"


def test_a_label_that_the_model_does_not_have_is_told_and_no_score(client: httpx2.Client) -> None:
    body = answer(client, label=3)
    for candidate in body["quorum"]["candidates"]:
        assert candidate["verdict"]["status"] == "error"
        assert "label" in candidate["verdict"]["feedback"]


def test_a_server_that_generates_is_named_as_no_reward_model(client: httpx2.Client) -> None:
    verifier = {"type": "reward_model", "model": "smollm2-135m-instruct"}
    spec = {"type": "parallel", "n": 2, "verifiers": [verifier]}
    body = {"model": "smollm2-135m-instruct", "messages": MESSAGES, "strategy": spec, "max_tokens": 8}
    answered = client.post("/v1/chat/completions", json=body).json()
    assert "--runner pooling" in json.dumps(answered)
