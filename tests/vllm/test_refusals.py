"""A worker's own 4xx is the client's: it comes back as one, and never counts against the worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
import pytest

from tests.vllm.fleet import PATH, body

if TYPE_CHECKING:
    from tests.vllm.fleet import Fleet, Json

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(600)]

TIMES = 6
"""More often than a worker may fail in a row before it would be taken out of service."""
WRONG: dict[str, Json] = {
    "a prompt that is too long": {"messages": [{"role": "user", "content": "river " * 5_000}]},
    "a temperature out of range": {"temperature": 3.0},
    "too many log-probabilities": {"logprobs": True, "top_logprobs": 21},
}


@pytest.mark.parametrize("strategy", ["single", "parallel-4"])
@pytest.mark.parametrize("fields", WRONG.values(), ids=WRONG)
def test_what_a_worker_refuses_comes_back_as_that_status_and_all_workers_stay_up(
    fleet: Fleet, strategy: str, fields: Json
) -> None:
    own = httpx2.post(fleet.servers[0].url + PATH, json=body(strategy, **fields), timeout=60)
    refused = [fleet.ask(strategy, **fields) for _ in range(TIMES)]
    assert {response.status_code for response in refused} == {own.status_code} == {400}
    assert {response.json()["error"]["type"] for response in refused} == {"invalid_request_error"}
    assert all(fleet.up())
    assert len(fleet.up()) == len(fleet.servers)


def test_a_worker_that_has_refused_much_serves_the_next_request(fleet: Fleet) -> None:
    for _ in range(TIMES):
        fleet.ask("parallel-4", temperature=3.0)
    assert fleet.answer("parallel-4", max_tokens=4)["choices"]
