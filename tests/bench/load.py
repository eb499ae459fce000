"""A closed-loop load generator that is light enough to share a core with the upstream."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import httptools

from tests.bench.figures import Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

REQUEST_LIMIT_S = 60.0


@dataclass(slots=True)
class Tally:
    """What a run has found so far."""

    latencies_s: list[float] = field(default_factory=list[float])
    failures: list[str] = field(default_factory=list[str])


class Client(asyncio.Protocol):
    """One kept-alive connection that has one request at a time on its way."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    def send(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        """Write `request` and return what becomes the status and the body of its answer."""
        self._answer = asyncio.get_running_loop().create_future()
        if self._transport.is_closing():
            self._fail(ConnectionResetError("the connection is closed"))
        else:
            self._transport.write(request)
        return self._answer

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    @property
    def closed(self) -> bool:
        """Whether another request needs another connection."""
        return self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ConnectionResetError("the connection was closed before the answer's end"))

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(error)
            self._transport.abort()

    def on_message_begin(self) -> None:
        self._body = []

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_result((self._parser.get_status_code(), b"".join(self._body)))

    def _fail(self, error: Exception) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(error)


class Worker:
    """One turn of the loop after the other: all of `requests` at once, then, when the last is answered, again."""

    def __init__(self, port: int, requests: Sequence[bytes], observe: Callable[[bytes], None] | None = None) -> None:
        self._port = port
        self._requests = requests
        self._observe = observe
        self._clients: list[Client] = []

    async def run(self, tally: Tally, until: float) -> None:
        """Take turns until the clock says `until`, but at least one; the last turn is finished."""
        try:
            await self._turn(tally)
            while time.perf_counter() < until:
                await self._turn(tally)
        finally:
            for client in self._clients:
                client.close()

    async def _turn(self, tally: Tally) -> None:
        await self._connect()
        began = time.perf_counter()
        try:
            async with asyncio.timeout(REQUEST_LIMIT_S):
                pairs = zip(self._clients, self._requests, strict=True)
                answers = [await answer for answer in [client.send(request) for client, request in pairs]]
        except (OSError, httptools.HttpParserError) as error:
            tally.failures.append(repr(error))
            for client in self._clients:
                client.close()
            return
        refusals = [f"{status}: {body[:500].decode(errors='replace')}" for status, body in answers if status != 200]
        if refusals:
            tally.failures.append(refusals[0])
            return
        tally.latencies_s.append(time.perf_counter() - began)
        if self._observe:
            for _, body in answers:
                self._observe(body)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        self._clients = [client for client in self._clients if not client.closed]
        while len(self._clients) < len(self._requests):
            _, client = await loop.create_connection(Client, "127.0.0.1", self._port)
            self._clients.append(client)


async def closed_loop(
    port: int,
    requests: Sequence[bytes],
    *,
    connections: int,
    seconds: float,
    observe: Callable[[bytes], None] | None = None,
) -> Sample:
    """Load 127.0.0.1:`port` from so many connections for so long.

    A turn sends all of `requests`, each on a connection of its own, and counts as one request that lasts until the last
    answer. `observe` is shown every body.
    """
    tally = Tally()
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(Worker(port, requests, observe).run(tally, began + seconds))
    elapsed_s = time.perf_counter() - began
    return Sample(latencies_s=tuple(tally.latencies_s), failures=tuple(tally.failures), elapsed_s=elapsed_s)
