"""The real embedded model as its own judge: whatever it says, there is an answer, and the account is true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from app.settings.settings import Settings
from tests.stage import gateway

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

QUESTION = "Name one primary colour, and say in one sentence why it is one."
TWO: dict[str, object] = {"type": "parallel", "n": 2, "stop": "none", "include": ["texts"]}
BRIEF = {"max_tokens": 16, "max_response_bytes": 200}
JUDGE = {"type": "judge", "feedback": True, **BRIEF}
PARTS: dict[str, dict[str, object]] = {
    "judge": {"verifiers": [JUDGE]},
    "pairwise judge": {"verifiers": [{**JUDGE, "mode": "pairwise", "reference": "Red.", "feedback": False}]},
    "consistency": {"aggregator": {"type": "consistency", **BRIEF}},
    "synthesis": {"aggregator": {"type": "synthesis", "max_tokens": 48, "max_response_bytes": 200}},
    "tournament": {"aggregator": {"type": "tournament", **BRIEF}},
}


@pytest.fixture(scope="module")
def client() -> Iterator[httpx2.Client]:
    with (
        gateway(Settings.model_validate({"embedded": {"context": 2048}})) as url,
        httpx2.Client(base_url=url, timeout=120) as running,
    ):
        yield running


@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
def test_there_is_an_answer_and_usage_is_the_sum_of_candidates_and_judges(
    client: httpx2.Client, parts: dict[str, object]
) -> None:
    body: dict[str, Any] = {
        "model": "smollm2-135m-instruct",
        "messages": [{"role": "user", "content": QUESTION}],
        "max_tokens": 24,
        "seed": 1,
        "strategy": {**TWO, **parts},
    }
    response = client.post("/v1/chat/completions", json=body)
    assert response.status_code == 200, response.text
    answer = response.json()
    account = answer["quorum"]
    rows, tokens = account["candidates"], account["cost"]["tokens"]
    assert answer["choices"][0]["message"]["content"]
    beside = tokens["by_fate"]["verifier"]
    assert answer["usage"]["completion_tokens"] == sum(row["completion_tokens"] for row in rows) + beside
    assert answer["usage"]["completion_tokens"] == sum(tokens["by_fate"].values())
    assert answer["usage"]["prompt_tokens"] > sum(row["prompt_tokens"] for row in rows) or not beside
    assert account["cost"]["calls"] > 1
    statuses = {row["verdict"]["status"] for row in rows if row["verdict"]}
    assert bool(statuses) == ("verifiers" in parts)
    assert "error" not in statuses
    worst = client.post("/v1/chat/completions?dry_run=true", json=body).json()["worst_case"]
    assert answer["usage"]["completion_tokens"] <= worst["completion_tokens"]
    assert answer["usage"]["prompt_tokens"] <= worst["prompt_tokens"]
    assert account["cost"]["calls"] <= worst["calls"]
