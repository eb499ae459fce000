"""A line to a client: server-sent events over one response."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import Send

HEARTBEAT_S = 10.0
"""Seconds from one comment to the next that tells proxies and clients that the request is alive."""

DONE = b"data: [DONE]\n\n"


class Line:
    """Sends events; the response begins with the first. `open` tells whether it has begun.

    Writes wait for one another: a heartbeat may meet any other. Nothing is sent once the response has ended.
    """

    def __init__(
        self,
        send: Send,
        *,
        status: int,
        headers: Sequence[tuple[bytes, bytes]],
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self.open = False
        self._closed = False
        self._turn = asyncio.Lock()
        self._heartbeat_s = heartbeat_s
        self._send = send
        self._status = status
        self._headers = headers

    async def event(self, *values: object) -> None:
        """Send each value as the JSON of an event."""
        await self._write(b"".join(b"data: " + msgspec.json.encode(value) + b"\n\n" for value in values))

    async def comment(self, text: str) -> None:
        """Send a comment, which clients skip."""
        await self._write(f": {' '.join(text.split())}\n\n".encode())

    async def close(self, *values: object) -> None:
        """Send the last events and `[DONE]`, and end the response."""
        events = b"".join(b"data: " + msgspec.json.encode(value) + b"\n\n" for value in values)
        await self._write(events + DONE, more=False)

    async def beat(self) -> None:
        """Send a comment every so often, whatever else is sent, until the response ends."""
        while not self._closed:
            await asyncio.sleep(self._heartbeat_s)
            await self.comment("alive")

    async def _write(self, data: bytes, *, more: bool = True) -> None:
        async with self._turn:
            if self._closed:
                return
            if not self.open:
                start = {"type": "http.response.start", "status": self._status, "headers": list(self._headers)}
                await self._send(start)
                self.open = True
            await self._send({"type": "http.response.body", "body": data, "more_body": more})
            self._closed = not more
