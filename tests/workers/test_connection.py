from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp.client_proto import ResponseHandler

from app.workers.client import AioHttpClient
from app.workers.connection import Connection
from tests.scripted.reply import Reply
from tests.scripted.scripts import always
from tests.scripted.upstream import Upstream

if TYPE_CHECKING:
    import pytest

BODY = b'{"model":"scripted","messages":[{"role":"user","content":"x"}],"stream":true}'
LONG = 20_000
"""Tokens that fill aiohttp's buffer several times over where nobody reads."""


def test_a_response_that_is_read_slowly_is_paused_resumed_as_often_and_comes_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    full = asyncio.Event()
    paused: list[bool] = []
    resumed: list[bool] = []
    pause = Connection.pause_reading

    def noted(connection: Connection) -> None:
        paused.append(True)
        full.set()
        pause(connection)

    monkeypatch.setattr(Connection, "pause_reading", noted)
    resume = ResponseHandler.resume_reading

    def counted(connection: ResponseHandler, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002 - aiohttp's signature
        resumed.append(True)
        resume(connection, resume_parser)

    monkeypatch.setattr(ResponseHandler, "resume_reading", counted)

    async def scenario() -> None:
        async with (
            Upstream(always(Reply(texts=("w " * LONG,)))) as worker,
            AioHttpClient(connect_s=5, idle_s=30) as client,
        ):
            async with client.stream(f"{worker.url}/v1/chat/completions", BODY) as pieces:
                async with asyncio.timeout(20):
                    await full.wait()
                data = b""
                async for piece in pieces:
                    data += piece
            assert data.count(b"data: ") > LONG
            assert data.rstrip().endswith(b"[DONE]")
            assert len(resumed) <= len(paused) + 1

    asyncio.run(scenario())
