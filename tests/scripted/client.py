"""A client for looking at what a worker sends, as plain as can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import msgspec

if TYPE_CHECKING:
    from tests.scripted.reply import Json

HELLO = {"model": "scripted", "messages": [{"role": "user", "content": "Hello there"}]}


async def post(url: str, **fields: object) -> tuple[int, Json]:
    """Ask for a completion that isn't streamed; return the status and the body."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/v1/chat/completions", json={**HELLO, **fields}) as response,
    ):
        return response.status, msgspec.json.decode(await response.read(), type=dict[str, object])


async def stream(url: str, **fields: object) -> list[Json]:
    """Ask for a stream; return its events, which must be ended by `[DONE]`."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/v1/chat/completions", json={**HELLO, "stream": True, **fields}) as response,
    ):
        assert response.status == 200, await response.text()
        assert response.content_type == "text/event-stream"
        *events, done, rest = (await response.read()).split(b"\n\n")
    assert (done, rest) == (b"data: [DONE]", b"")
    return [msgspec.json.decode(event.removeprefix(b"data: "), type=dict[str, object]) for event in events]


async def get(url: str) -> tuple[int, bytes]:
    """Fetch a page; return the status and the body."""
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.read()
