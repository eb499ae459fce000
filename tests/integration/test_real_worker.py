"""A real llama.cpp worker's own counters, beside what the gateway says."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from typing import TYPE_CHECKING

import httpx2
import pytest

from app.main import create_app
from app.server import serving
from app.settings.settings import Settings
from app.workers.embedded import EmbeddedWorker

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow

QUESTION = {
    "model": "smollm2-135m-instruct",
    "messages": [{"role": "user", "content": "Tell me a long story about the sea."}],
}


async def counter(worker: EmbeddedWorker, name: str) -> float:
    """Return one of llama.cpp's metrics."""
    async with httpx2.AsyncClient() as client:
        text = (await client.get(f"{worker.url}/metrics")).text
    found = re.search(rf"^llamacpp:{name} (\S+)$", text, re.MULTILINE)
    assert found, text
    return float(found[1])


async def settled(worker: EmbeddedWorker, holds: Callable[[float], bool]) -> None:
    """Return once the number of requests that the worker is at work on is as wanted."""
    async with asyncio.timeout(30):
        while not holds(await counter(worker, "requests_processing")):  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("strategy", ["parallel", "sequential"])
def test_usage_is_what_the_worker_itself_has_counted(strategy: str) -> None:
    spec = {"type": strategy, "stop": "none", **({"n": 6} if strategy == "parallel" else {"rounds": 3})}

    async def scenario() -> None:
        async with (
            EmbeddedWorker(parallel=4, context=512) as worker,
            serving(create_app(Settings.model_validate({"workers": [worker.url]}))) as url,
            httpx2.AsyncClient(base_url=url, timeout=120) as client,
        ):
            body = {**QUESTION, "strategy": spec, "max_tokens": 16, "seed": 3}
            answer = (await client.post("/v1/chat/completions", json=body)).json()
            await settled(worker, lambda busy: busy == 0)
            assert answer["usage"]["completion_tokens"] == await counter(worker, "tokens_predicted_total")

    asyncio.run(scenario())


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_goes_away_stops_the_generation(*, stream: bool) -> None:
    async def scenario() -> None:
        async with (
            EmbeddedWorker(parallel=4, context=2048) as worker,
            serving(create_app(Settings.model_validate({"workers": [worker.url]}))) as url,
        ):
            body = {**QUESTION, "strategy": "parallel-4", "max_tokens": 1_500, "stream": stream}
            async with httpx2.AsyncClient(base_url=url, timeout=120) as client:
                asking = asyncio.ensure_future(client.post("/v1/chat/completions", json=body))
                await settled(worker, lambda busy: busy > 0)
                asking.cancel()
            await settled(worker, lambda busy: busy == 0)
            assert await counter(worker, "tokens_predicted_total") < 4 * 1_500

    asyncio.run(scenario())


@pytest.mark.parametrize("strategy", ["single", {"type": "parallel", "n": 4, "stop": "none"}])
def test_a_request_outlives_the_only_worker_that_is_killed_in_the_middle_of_it(strategy: object) -> None:
    async def scenario() -> None:
        async with (
            EmbeddedWorker(parallel=4, context=2_048) as worker,
            serving(create_app(Settings.model_validate({"workers": [worker.url]}))) as url,
            httpx2.AsyncClient(base_url=url, timeout=120) as client,
            asyncio.TaskGroup() as group,
        ):
            body = {**QUESTION, "strategy": strategy, "max_tokens": 150, "ignore_eos": True, "seed": 3}
            asked = group.create_task(client.post("/v1/chat/completions", json=body))
            await settled(worker, lambda busy: busy > 0)
            assert worker.pid
            os.kill(worker.pid, signal.SIGKILL)
            answer = (await asked).json()
            assert answer["choices"][0]["message"]["content"]
            assert {row["fate"] for row in answer["quorum"]["candidates"]} <= {"selected", "counted"}
            assert answer["quorum"]["cost"]["calls"] == 2

    asyncio.run(scenario())
