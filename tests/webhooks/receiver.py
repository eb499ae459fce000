"""A caller's service on this machine, for webhooks to be sent to."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True, kw_only=True)
class Receiver:
    """Answers by `says`, which sees the number of the request; None hangs up, a number waits that many seconds."""

    says: Callable[[int], web.Response | float | None]
    port: int = 0
    got: list[Got] = field(default_factory=list[Got])
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        """The address, without a path."""
        return f"http://127.0.0.1:{self.port}"

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Note the request and answer it."""
        number = len(self.got)
        body = await request.read()
        self.got.append(
            Got(method=request.method, path=request.path_qs, headers=dict(request.headers), body=body),
        )
        self.arrived.set()
        said = self.says(number)
        if said is None and request.transport:
            request.transport.abort()
        if isinstance(said, (int, float)):
            await asyncio.sleep(said)
        return said if isinstance(said, web.Response) else web.Response()


@asynccontextmanager
async def receiving(says: Callable[[int], web.Response | float | None]) -> AsyncGenerator[Receiver]:
    """Run a receiver while the context lasts."""
    receiver = Receiver(says=says)
    runner = web.ServerRunner(web.Server(receiver.answer), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.port = runner.addresses[0][1]
    try:
        yield receiver
    finally:
        await runner.cleanup()
