"""A fault of our own is a 500 in OpenAI's shape that tells nothing of our inside."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx2
import structlog

from app.main import create_app
from app.server import serving
from app.settings.settings import Settings
from tests.scripted.reply import Reply
from tests.scripted.scripts import always
from tests.scripted.upstream import Upstream
from tests.stage import MODEL, QUESTION

if TYPE_CHECKING:
    import pytest


class FullDisk:
    """A store that can't keep anything."""

    async def put(self, run_id: str, record: bytes) -> None:
        raise OSError(f"secret path: no space left for {len(record)} bytes of {run_id}")

    async def get(self, run_id: str) -> bytes | None:
        raise OSError(f"secret path: {run_id} can't be read")


async def broken(method: str, path: str, body: object = None) -> httpx2.Response:
    """Send a request to a server whose store is broken."""
    async with Upstream(always(Reply(texts=("fine",))), models=(MODEL,)) as worker:
        app = create_app(Settings.model_validate({"workers": [worker.url]}))
        async with serving(app) as url, httpx2.AsyncClient(base_url=url, timeout=30) as client:
            app.state.service = replace(app.state.service, runs=FullDisk())
            return await client.request(method, path, json=body)


async def counted_after_fault() -> str:
    """Return the metrics of a server that failed one request."""
    async with Upstream(always(Reply(texts=("fine",))), models=(MODEL,)) as worker:
        app = create_app(Settings.model_validate({"workers": [worker.url]}))
        async with serving(app) as url, httpx2.AsyncClient(base_url=url, timeout=30) as client:
            app.state.service = replace(app.state.service, runs=FullDisk())
            await client.post("/v1/chat/completions", json=QUESTION)
            return (await client.get("/metrics")).text


def test_a_request_that_we_fail_is_a_500_without_a_word_about_why() -> None:
    for method, path, body in (("POST", "/v1/chat/completions", QUESTION), ("GET", "/v1/runs/x", None)):
        response = asyncio.run(broken(method, path, body))
        assert (response.status_code, response.json()["error"]["code"]) == (500, "internal_error")
        assert "secret" not in response.text


def test_a_fault_of_ours_is_logged_once_and_its_response_bears_the_run(caplog: pytest.LogCaptureFixture) -> None:
    with structlog.testing.capture_logs() as ours:
        response = asyncio.run(broken("POST", "/v1/chat/completions", QUESTION))
    logged = [one for one in caplog.records if one.levelname == "ERROR"]
    assert len(logged) + sum(one["log_level"] == "error" for one in ours) == 1
    assert logged[0].exc_info
    assert response.headers["X-Quorum-Run-Id"].startswith("run_")


def test_a_fault_of_ours_is_counted_as_such() -> None:
    told = asyncio.run(counted_after_fault())
    assert f'quorum_requests_total{{model="{MODEL}",outcome="internal_error",strategy="single"}} 1.0' in told
    assert 'outcome="ok"' not in told


def test_a_stream_that_we_fail_ends_in_an_error_event() -> None:
    response = asyncio.run(broken("POST", "/v1/chat/completions", {**QUESTION, "stream": True}))
    lines = [line for line in response.text.split("\n") if line]
    assert lines[-1] == "data: [DONE]"
    assert '"code":"internal_error"' in lines[-2]
    assert "secret" not in response.text
