"""Nobody generates what nobody wants: whatever ends a request early ends its work on the workers, as they count it."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING

import pytest

from tests.vllm.fleet import PATH, body

if TYPE_CHECKING:
    from tests.vllm.fleet import Fleet, Json

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(600)]

LONG: Json = {"max_tokens": 3_000, "ignore_eos": True}
"""A minute's work and more, so that only cancelling ends it while a test waits."""
UNCOUNTED = 7
"""The most tokens of a cancelled candidate that went uncounted: vLLM sends every eighth chunk."""
SENTENCE: Json = {"stop": ["."], "max_tokens": 400}
"""Candidates end with their first sentence, some sooner than others."""


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("strategy", ["single", "parallel-4", "sequential-4"])
def test_work_ends_when_the_client_goes(fleet: Fleet, strategy: str, stream: bool) -> None:  # noqa: FBT001 - a case
    fleet.settled()
    connection = http.client.HTTPConnection(fleet.url.removeprefix("http://"), timeout=60)
    asked = json.dumps(body(strategy, stream=stream, **LONG))
    connection.request("POST", PATH, asked, {"Content-Type": "application/json"})
    fleet.at_work()
    connection.close()
    fleet.settled()


def test_work_ends_with_the_deadline(fleet: Fleet) -> None:
    strategy = {"type": "parallel", "n": 4, "budget": {"deadline_s": 3.0}}
    response = fleet.ask(strategy, **LONG)
    assert response.status_code == 504
    assert response.json()["error"]["code"] == "deadline_exceeded"
    fleet.settled()


def test_the_deadline_cuts_the_last_wave_off_and_counts_it(calm_fleet: Fleet) -> None:
    strategy = {"type": "parallel", "n": 64, "wave": 2, "stop": "none", "budget": {"deadline_s": 12.0}}
    assert cut_off(calm_fleet, strategy, max_tokens=24, ignore_eos=True) == "deadline"


def test_the_budget_cuts_off_what_is_under_way_and_counts_it(calm_fleet: Fleet) -> None:
    strategy = {"type": "parallel", "n": 8, "stop": "none", "budget": {"max_completion_tokens": 150}}
    unbounded = {name: value for name, value in SENTENCE.items() if name != "max_tokens"}
    assert cut_off(calm_fleet, strategy, **unbounded) == "budget"


def test_a_decided_vote_cuts_the_rest_off_and_counts_it(calm_fleet: Fleet) -> None:
    strategy = {"type": "parallel", "n": 8, "stop": "decided", "answer": {"type": "regex", "pattern": "e"}}
    assert cut_off(calm_fleet, strategy, **SENTENCE) == "decided"


def cut_off(fleet: Fleet, strategy: Json, **fields: object) -> str:
    """Ask for what is cut off, hold its account against the workers' and return what ended it."""
    before = fleet.settled()
    answer = fleet.answer(strategy, **fields)
    spent = fleet.settled() - before
    fates = [candidate["fate"] for candidate in answer["quorum"]["candidates"]]
    cancelled, usage = fates.count("cancelled"), answer["usage"]
    assert cancelled
    assert usage["prompt_tokens"] == spent.prompt
    assert 0 <= spent.generated - usage["completion_tokens"] <= UNCOUNTED * cancelled
    return answer["quorum"]["decision"]["stopped_by"]
