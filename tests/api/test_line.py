from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from app.api.line import Line

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping
    from typing import Any

DONE = b"data: [DONE]\n\n"
ALIVE = b": alive\n\n"


class Server:
    """Takes messages as uvicorn does: it waits while its client is slow, and refuses what comes after the end."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.arrivals: asyncio.Queue[str] = asyncio.Queue()
        self.ready = asyncio.Event()
        self.ready.set()
        self._started = False
        self._ended = False

    async def send(self, message: MutableMapping[str, Any]) -> None:
        self.arrivals.put_nowait(message["type"])
        await self.ready.wait()
        wanted = "http.response.body" if self._started else "http.response.start"
        if self._ended or message["type"] != wanted:
            raise RuntimeError(f"unexpected message {message['type']}")
        if self._started:
            self.bodies.append(message["body"])
            self._ended = not message["more_body"]
        self._started = True

    def line(self, heartbeat_s: float = 0.0) -> Line:
        return Line(self.send, status=200, headers=[(b"x", b"y")], heartbeat_s=heartbeat_s)


def run(scenario: Callable[[Server], Awaitable[None]]) -> Server:
    async def main() -> Server:
        server = Server()
        await scenario(server)
        return server

    return asyncio.run(main())


def test_a_stream_is_its_events_and_comments_and_then_done() -> None:
    async def scenario(server: Server) -> None:
        line = server.line()
        assert not line.open
        await line.event({"a": 1}, {"b": 2})
        assert line.open
        await line.comment("one\nline")
        await line.close({"c": 3})

    expected = [b'data: {"a":1}\n\ndata: {"b":2}\n\n', b": one line\n\n", b'data: {"c":3}\n\n' + DONE]
    assert run(scenario).bodies == expected


def test_heartbeats_come_until_the_stream_ends() -> None:
    async def scenario(server: Server) -> None:
        line = server.line()
        async with asyncio.TaskGroup() as group:
            group.create_task(line.beat())
            for _ in range(4):
                await server.arrivals.get()
            await line.close()

    *beats, last = run(scenario).bodies
    assert (set(beats), last) == ({ALIVE}, DONE)


def test_a_heartbeat_that_meets_the_end_of_the_stream_is_not_sent_after_it() -> None:
    async def scenario(server: Server) -> None:
        line = server.line()
        server.ready.clear()
        async with asyncio.TaskGroup() as group:
            group.create_task(line.close())
            await server.arrivals.get()
            group.create_task(line.comment("alive"))
            group.create_task(line.beat())
            for _ in range(10):
                await asyncio.sleep(0)
            server.ready.set()

    assert run(scenario).bodies == [DONE]


def test_the_response_begins_once_where_two_writes_are_its_first() -> None:
    async def scenario(server: Server) -> None:
        line = server.line()
        server.ready.clear()
        async with asyncio.TaskGroup() as group:
            group.create_task(line.comment("alive"))
            group.create_task(line.event({}))
            await server.arrivals.get()
            server.ready.set()

    assert run(scenario).bodies == [ALIVE, b"data: {}\n\n"]


def test_a_write_that_was_given_up_is_not_taken_for_sent() -> None:
    async def scenario(server: Server) -> None:
        line = server.line()
        for write in (line.event({}), line.close()):
            server.ready.clear()
            task = asyncio.ensure_future(write)
            await server.arrivals.get()
            task.cancel()
            await asyncio.wait([task])
            server.ready.set()
            await line.event({})
            while not server.arrivals.empty():
                server.arrivals.get_nowait()
        await line.close()
        await line.close()

    assert run(scenario).bodies == [b"data: {}\n\n", b"data: {}\n\n", DONE]
