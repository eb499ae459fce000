"""`/readyz` says why no worker can serve, at a length that doesn't grow with the fleet."""

from __future__ import annotations

import httpx2
import pytest

from app.settings.settings import Settings
from tests.stage import gateway, staged

TIMEOUTS = {"connect_s": 1.0, "probe_s": 30.0}


def why(url: str) -> str:
    answer = httpx2.get(f"{url}/readyz", timeout=30)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "no_worker")
    return answer.json()["error"]["message"]


def test_of_many_workers_that_can_not_serve_a_few_are_named_and_the_others_counted() -> None:
    nowhere = [f"http://127.0.0.1:{port}" for port in range(1, 31)]
    with gateway(Settings.model_validate({"workers": nowhere, "timeouts": TIMEOUTS})) as url:
        assert [part.split(":")[0] for part in why(url).removeprefix("no worker can serve: ").split("; ")] == [
            *(f"w{number}" for number in range(10)),
            "and 20 more",
        ]


def test_a_worker_that_is_well_and_drained_is_said_to_be_draining() -> None:
    with staged() as stage:
        stage.client.post("/admin/workers/w0/drain")
        assert why(stage.url) == "no worker can serve: w0: draining"


@pytest.mark.parametrize("redis_url", ["redis://127.0.0.1:1"])
def test_where_no_worker_is_known_it_says_so(redis_url: str) -> None:
    with gateway(Settings.model_validate({"redis_url": redis_url})) as url:
        assert why(url) == "no worker can serve: there is none"
