"""A client that leaves while it is still sending has nobody to blame: no error of ours, and no noise."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from app.main import create_app
from app.server import serving
from app.settings.settings import Settings
from tests.scripted.upstream import Upstream
from tests.stage import MODEL

if TYPE_CHECKING:
    import pytest
    from starlette.types import Message

SCOPE = {
    "type": "http",
    "asgi": {"version": "3.0"},
    "http_version": "1.1",
    "method": "POST",
    "scheme": "http",
    "path": "/v1/chat/completions",
    "raw_path": b"/v1/chat/completions",
    "root_path": "",
    "query_string": b"",
    "headers": [(b"content-length", b"100")],
    "server": ("127.0.0.1", 80),
    "client": ("127.0.0.1", 1),
}


async def left_while_sending() -> str:
    """Send half of a body, go away, and return the server's metrics."""
    said: list[Message] = [
        {"type": "http.request", "body": b'{"model"', "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return said.pop(0)

    async def send(_message: Message) -> None:
        """Send to nobody."""

    async with Upstream(models=(MODEL,)) as worker:
        app = create_app(Settings.model_validate({"workers": [worker.url]}))
        async with serving(app):
            await app(dict(SCOPE), receive, send)
            return app.state.service.metrics.expose().decode()


def test_a_client_that_leaves_while_it_sends_is_counted_as_gone_and_no_error(caplog: pytest.LogCaptureFixture) -> None:
    with structlog.testing.capture_logs() as ours:
        told = asyncio.run(left_while_sending())
    assert 'quorum_requests_total{model="unknown",outcome="client_gone",strategy="unknown"} 1.0' in told
    assert not [one for one in ours if one["log_level"] == "error"]
    assert not [one for one in caplog.records if one.levelname == "ERROR"]
