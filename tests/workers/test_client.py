from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from app.errors import CandidateError, WorkerCutError, WorkerUnreachableError
from app.workers.call import Call
from app.workers.client import HttpClient

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENTS = b'data: {"choices":[{"index":0,"delta":{"content":"ok"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
ANSWER = HEAD + b"%x\r\n%b\r\n" % (len(EVENTS), EVENTS)
END = b"0\r\n\r\n"
IDLE_S = 5.0


class Worker:
    """Answers every request on a connection in one way, and counts the connections."""

    def __init__(self, answer: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> None:
        self.connections = 0
        self.requests: list[bytes] = []
        self.left = asyncio.Event()
        self._answer = answer

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/chat/completions"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                self.requests.append(await reader.readuntil(b"{}"))
                await self._answer(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.left.set()
        finally:
            writer.close()


def new_call() -> Call:
    return Call(width=1, completed=lambda _: None, spent=lambda _: None)


def test_a_worker_that_holds_its_answer_open_after_done_is_not_waited_for() -> None:
    async def scenario() -> None:
        async def answer(writer: asyncio.StreamWriter) -> None:
            writer.write(ANSWER)

        worker, call = Worker(answer), new_call()
        async with worker.serving() as url, HttpClient(connect_s=IDLE_S, idle_s=IDLE_S) as client:
            await call.run(client, url, b"{}")
            await worker.left.wait()
        assert call.ended == [0]

    asyncio.run(scenario())


def test_a_connection_whose_answer_has_ended_serves_again() -> None:
    async def scenario() -> None:
        async def answer(writer: asyncio.StreamWriter) -> None:
            writer.write(ANSWER + END)

        worker = Worker(answer)
        async with worker.serving() as url, HttpClient(connect_s=IDLE_S, idle_s=IDLE_S) as client:
            for _ in range(3):
                await new_call().run(client, url, b"{}")
        assert worker.connections == 1

    asyncio.run(scenario())


def test_the_end_of_an_answer_may_come_a_moment_after_done() -> None:
    async def scenario() -> None:
        done = asyncio.Event()

        async def answer(writer: asyncio.StreamWriter) -> None:
            writer.write(ANSWER)
            await done.wait()
            writer.write(END)

        worker = Worker(answer)
        async with worker.serving() as url, HttpClient(connect_s=IDLE_S, idle_s=IDLE_S) as client:
            for _ in range(2):
                async with client.stream(url, b"{}") as pieces:
                    assert await anext(pieces) == EVENTS
                    done.set()
                done.clear()
        assert worker.connections == 1

    asyncio.run(scenario())


def test_a_connection_that_breaks_after_done_harms_nothing() -> None:
    async def scenario() -> None:
        async def answer(writer: asyncio.StreamWriter) -> None:
            writer.write(ANSWER)
            writer.close()

        worker, call = Worker(answer), new_call()
        async with worker.serving() as url, HttpClient(connect_s=IDLE_S, idle_s=IDLE_S) as client:
            await call.run(client, url, b"{}")
        assert call.ended == [0]

    asyncio.run(scenario())


def test_the_key_goes_with_every_request() -> None:
    async def scenario() -> None:
        async def answer(writer: asyncio.StreamWriter) -> None:
            writer.write(ANSWER + END)

        worker = Worker(answer)
        async with (
            worker.serving() as url,
            HttpClient(connect_s=IDLE_S, idle_s=IDLE_S, api_key="k") as client,
        ):
            await new_call().run(client, url, b"{}")
        assert b"\r\nAuthorization: Bearer k\r\n" in worker.requests[0]

    asyncio.run(scenario())


def test_a_worker_that_hangs_up_on_a_new_connection_is_not_asked_again() -> None:
    async def scenario() -> None:
        async def answer(writer: asyncio.StreamWriter) -> None:
            writer.close()

        worker = Worker(answer)
        async with worker.serving() as url, HttpClient(connect_s=IDLE_S, idle_s=IDLE_S) as client:
            with pytest.raises(WorkerCutError):
                await new_call().run(client, url, b"{}")
        assert len(worker.requests) == 1

    asyncio.run(scenario())


def test_a_worker_that_hangs_up_on_a_kept_connection_is_asked_once_more_and_no_more() -> None:
    async def scenario() -> None:
        async def answer(writer: asyncio.StreamWriter) -> None:
            if len(worker.requests) == 1:
                writer.write(ANSWER + END)
            else:
                writer.close()

        worker = Worker(answer)
        async with worker.serving() as url, HttpClient(connect_s=IDLE_S, idle_s=IDLE_S) as client:
            await new_call().run(client, url, b"{}")
            with pytest.raises(WorkerCutError):
                await new_call().run(client, url, b"{}")
        assert (len(worker.requests), worker.connections) == (3, 2)

    asyncio.run(scenario())


def test_a_worker_that_is_not_there_is_unreachable() -> None:
    async def scenario() -> list[type[CandidateError]]:
        async def answer(writer: asyncio.StreamWriter) -> None:
            writer.close()

        async with Worker(answer).serving() as gone:
            pass
        found: list[type[CandidateError]] = []
        async with HttpClient(connect_s=IDLE_S, idle_s=IDLE_S) as client:
            for attempt in (new_call().run(client, gone, b"{}"), client.fetch(gone, timeout_s=IDLE_S)):
                try:
                    await attempt
                except CandidateError as error:
                    found.append(type(error))
        return found

    assert asyncio.run(scenario()) == [WorkerUnreachableError, WorkerUnreachableError]
