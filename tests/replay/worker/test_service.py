"""The worker over HTTP, asked as OpenAI's clients and the gateway ask."""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import TYPE_CHECKING

import httpx2
import pytest
from msgspec import convert

from app.replay.deck import make_decks
from app.replay.recording import Problem, Recorded
from app.settings.settings import Settings
from tests.replay.recorded import QUESTION
from tests.replay.worker.conftest import MODEL, TEXTS
from tests.stage import gateway

if TYPE_CHECKING:
    from tests.replay.worker.conftest import Served


def wait_until_idle(served: Served) -> None:
    """Return once nothing is under way; pytest's time-out ends the waiting."""
    while served.worker.running:
        time.sleep(0.01)


def test_it_serves_one_model_and_is_well(served: Served) -> None:
    assert served.client.get("/health").status_code == 200
    [model] = served.client.get("/v1/models").json()["data"]
    assert (model["id"], model["owned_by"]) == (MODEL, "vllm")
    assert "vllm:num_requests_running{} 0\n" in served.client.get("/metrics").text


def test_a_stream_says_the_sample_and_counts_its_tokens_on_every_chunk(served: Served) -> None:
    options = {"include_usage": True, "continuous_usage_stats": True}
    lines = served.ask("p1", stream=True, stream_options=options).text.split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    chunks = [json.loads(each.removeprefix("data: ")) for each in lines[:-2]]
    text = "".join(choice["delta"]["content"] for chunk in chunks for choice in chunk["choices"])
    assert text == "<think>\nsix sevens\n</think>\n\nIt is \\boxed{42}."
    counted = [chunk["usage"]["completion_tokens"] for chunk in chunks]
    assert counted == sorted(counted)
    assert counted[-2:] == [9, 9]
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["choices"] == []


def test_an_answer_may_come_whole(served: Served) -> None:
    answer = served.ask("What is 6 x 7?").json()
    assert answer["choices"][0]["message"]["content"].endswith("It is \\boxed{42}.")
    assert answer["usage"]["completion_tokens"] == 9


def test_a_limit_cuts_the_sample(served: Served) -> None:
    for name in ("max_tokens", "max_completion_tokens"):
        answer = served.ask(QUESTION, **{name: 5}).json()
        assert answer["choices"][0]["finish_reason"] == "length"
        assert answer["usage"]["completion_tokens"] == 5


@pytest.mark.parametrize(
    ("fields", "status", "told"),
    [
        ({"model": "other"}, 404, "does not exist"),
        ({"messages": []}, 400, "neither the text nor the id of a recorded problem"),
        ({"messages": [{"role": "user", "content": "What?"}]}, 400, "neither the text nor the id"),
        ({"messages": 7}, 400, "$.messages"),
        ({"n": 2}, 400, "$.n"),
        ({"max_tokens": 0}, 400, "$.max_tokens"),
        ({"stream_interval": 10**400}, 400, "$.stream_interval"),
    ],
)
def test_what_it_cannot_answer_is_refused_with_the_reason(
    served: Served, fields: dict[str, object], status: int, told: str
) -> None:
    answer = served.ask("p1", **fields)
    assert answer.status_code == status
    assert told in answer.json()["error"]["message"]


def test_a_gateway_finds_the_answers_that_a_replay_counts(served: Served) -> None:
    settings = Settings.model_validate({"workers": [served.url]})
    body: dict[str, object] = {"model": MODEL, "messages": [{"role": "user", "content": TEXTS["problem"]}]}
    body["strategy"] = {"type": "parallel", "n": len(TEXTS["samples"]), "stop": "none"}
    with gateway(settings) as url:
        answer = served.client.post(f"{url}/v1/chat/completions", json=body).json()
    found = {one["completion_tokens"]: one["answer"] for one in answer["quorum"]["candidates"]}
    deck, *_ = asyncio.run(make_decks([Recorded(problem=convert(TEXTS, Problem), place="here:1")], processes=1))
    counted = {one.usage.completion: one.answer and one.answer.text for one in deck.candidates}
    assert found == counted == {10: "4", 11: None, 12: "5", 13: "4", 14: "4", 15: None, 16: None}


def test_a_body_that_is_no_json_or_too_long_is_refused(served: Served) -> None:
    for body, status in ((b"{", 400), (b'"\xff"', 400), (b"[" * 100_000, 400), (b" " * (16 * 2**20 + 1), 413)):
        assert served.client.post("/v1/chat/completions", content=body).status_code == status


def test_a_client_that_goes_ends_the_completion(served: Served) -> None:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Slow?"}], "stream": True}
    with served.client.stream("POST", "/v1/chat/completions", json=body) as response:
        lines = response.iter_lines()  # which closes the response when it goes
        assert next(lines).startswith("data: ")
        assert served.worker.running == 1
    wait_until_idle(served)
    assert served.worker.cancelled == 1
    assert served.worker.generated < 10**9


def test_a_client_that_goes_before_a_whole_answer_ends_the_completion(served: Served) -> None:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Slow?"}]}
    with pytest.raises(httpx2.ReadTimeout):  # at which the client closes its connection
        served.client.post("/v1/chat/completions", json=body, timeout=0.5)
    wait_until_idle(served)
    assert served.worker.cancelled == 1
    assert 0 < served.worker.generated < 10**9


def test_a_gateway_votes_over_recorded_samples_and_stops_what_is_under_way(served: Served) -> None:
    settings = Settings.model_validate({"workers": [served.url]})
    with gateway(settings) as url:
        asked = [{"role": "user", "content": QUESTION}]
        body: dict[str, object] = {"model": MODEL, "messages": asked}
        body["strategy"] = {"type": "parallel", "n": 3, "stop": "none"}
        answer = served.client.post(f"{url}/v1/chat/completions", json=body).json()
        told = {one["completion_tokens"]: (one["answer"], one["fate"]) for one in answer["quorum"]["candidates"]}
        assert told[70] == (None, "rejected")
        assert {told[tokens][0] for tokens in (50, 60)} == {"1", "2"}
        assert re.fullmatch(r"\\boxed\{[12]\}", answer["choices"][0]["message"]["content"])

        slow = {**body, "messages": [{"role": "user", "content": "Slow?"}]}
        slow["strategy"] = {"type": "parallel", "n": 4, "budget": {"deadline_s": 1.0}}
        assert served.client.post(f"{url}/v1/chat/completions", json=slow).status_code == 504
        wait_until_idle(served)
        assert served.worker.cancelled == 4
