"""The example of every part, as `GET /v1/strategies` shows it, sent as it stands to the embedded model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from aiohttp import web

from app.api.catalogue import KINDS, example
from app.parts import type_name
from app.settings.settings import Settings
from app.workers.embedded import EmbeddedWorker
from tests.hosting import running
from tests.scripted.actions import Status
from tests.scripted.hosted import hosted
from tests.scripted.upstream import Upstream
from tests.stage import gateway
from tests.webhooks.receiver import receiving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractAsyncContextManager

    from app.parts import Part

pytestmark = pytest.mark.slow

QUESTION = "Tom has 3 bags with 4 apples in each bag. How many apples does Tom have?"
CLASSIFIED = Status(status=200, body=b'{"data": [{"probs": [0.75]}], "usage": {"prompt_tokens": 30}}')
ALL = [(kind, part) for kind in KINDS for part in KINDS[kind]]


def service() -> AbstractAsyncContextManager[Any]:
    return receiving(lambda _: web.json_response({"status": "pass"}))


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[httpx2.Client, str]]:
    """A gateway before the embedded model and a scripted reward model; yields it with a webhook's address."""
    rewards = Upstream(models=("reward",))
    rewards.routes["/classify"] = CLASSIFIED
    with running(EmbeddedWorker) as model, hosted(rewards) as reward, running(service) as receiver:
        webhooks = {"allowed_hosts": [f"127.0.0.1:{receiver.port}"], "secret": "sixteen characters"}
        settings = Settings.model_validate({"workers": [model.url, reward.url], "webhooks": webhooks})
        with gateway(settings) as url, httpx2.Client(base_url=url, timeout=120) as client:
            yield client, receiver.url


@pytest.mark.parametrize(("kind", "part"), ALL, ids=[f"{kind}-{type_name(part)}" for kind, part in ALL])
def test_the_example_of_every_part_is_answered(server: tuple[httpx2.Client, str], kind: str, part: type[Part]) -> None:
    client, receiver = server
    strategy = json.dumps(example(kind, part)).replace("https://verify.example.com", receiver)
    messages = [{"role": "user", "content": QUESTION}]
    body = {
        "model": "smollm2-135m-instruct",
        "messages": messages,
        "max_tokens": 24,
        "seed": 1,
        "strategy": json.loads(strategy),
    }
    response = client.post("/v1/chat/completions", json=body)
    assert response.status_code == 200, response.text
    account = response.json()["quorum"]
    assert account["strategy"]["type"]
    verdicts = [row["verdict"] for row in account["candidates"] if row["verdict"]]
    assert not [verdict for verdict in verdicts if verdict["status"] == "error"]
    spent = sum(row["completion_tokens"] for row in account["candidates"])
    assert response.json()["usage"]["completion_tokens"] == spent + account["cost"]["tokens"]["by_fate"]["verifier"]
