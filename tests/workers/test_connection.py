from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import resource
import subprocess
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import uvloop

from app.errors import (
    CandidateError,
    NoConnectionLeftError,
    WorkerCutError,
    WorkerGarbageError,
    WorkerStalledError,
    WorkerStatusError,
    WorkerUnreachableError,
)
from app.workers import connection
from app.workers.client import HttpClient
from app.workers.connection import MAX_WAITING, Connection
from app.workers.response import MAX_BARE

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
    from pathlib import Path

OK = b"HTTP/1.1 200 OK\r\n"
SIZED = OK + b"Content-Length: 2\r\n\r\nok"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n"
UNTIL_CLOSED = OK + b"\r\nok"
LONG_S = 30.0


class Worker:
    """Answers the requests of each connection in turn; `opened` and `left` count connections."""

    def __init__(
        self, *answers: bytes | Callable[[asyncio.StreamWriter], Awaitable[None]], close: bool = False
    ) -> None:
        self.opened = 0
        self.left = asyncio.Semaphore(0)
        self.asked = asyncio.Semaphore(0)
        self.bodies: list[bytes] = []
        self._answers = answers
        self._close = close

    @asynccontextmanager
    async def serving(self, context: ssl.SSLContext | None = None) -> AsyncGenerator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        async with server:
            scheme = "https" if context else "http"
            yield f"{scheme}://localhost:{server.sockets[0].getsockname()[1]}/v1/x"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        try:
            for answer in self._answers:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next((line for line in head.split(b"\r\n") if line.startswith(b"Content-Length:")), b":0")
                self.bodies.append(await reader.readexactly(int(length.partition(b":")[2])))
                self.asked.release()
                if isinstance(answer, bytes):
                    writer.write(answer)
                else:
                    await answer(writer)
            if not self._close:
                await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self.left.release()


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Awaitable[object]], object]:
    return request.param


def new_client(*, connect_s: float = LONG_S, idle_s: float = LONG_S) -> HttpClient:
    return HttpClient(connect_s=connect_s, idle_s=idle_s)


async def ask(client: HttpClient, url: str, body: bytes = b"{}") -> bytes:
    async with client.stream(url, body) as pieces:
        return b"".join([piece async for piece in pieces])


@pytest.mark.parametrize(
    ("answer", "close"),
    [
        (SIZED, False),
        (CHUNKED, False),
        (UNTIL_CLOSED, True),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + CHUNKED, False),
        (b"HTTP/1.0 200 OK\r\n\r\nok", True),
    ],
    ids=["sized", "chunked", "until closed", "words before", "HTTP/1.0"],
)
def test_a_body_is_whole_however_its_end_is_told(run: Callable[..., None], answer: bytes, *, close: bool) -> None:
    async def scenario() -> None:
        async with Worker(answer, close=close).serving() as url, new_client() as client:
            assert await ask(client, url) == b"ok"

    run(scenario())


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (OK + b"Content-Length: 3\r\n\r\nok", WorkerCutError),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", WorkerCutError),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nnot a length\r\n", WorkerCutError),
        (b"\x00\xff garbage", WorkerGarbageError),
        (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", WorkerGarbageError),
        (OK + b"X: " + b"x" * MAX_BARE, WorkerGarbageError),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: " + b"x" * 16 * MAX_BARE, WorkerGarbageError),
        (b"HTTP/1.1 099 Nothing\r\n\r\nhello", WorkerCutError),
        (b"HTTP/1.1 099 Nothing\r\n\r\n" + b"x" * 2 * MAX_BARE, WorkerGarbageError),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", WorkerStatusError),
    ],
    ids=[
        "short",
        "no last chunk",
        "chunk",
        "garbage",
        "upgrade",
        "long head",
        "long trailer",
        "no status",
        "much of no status",
        "status",
    ],
)
def test_what_is_no_whole_answer_is_an_error(
    run: Callable[..., None], answer: bytes, error: type[CandidateError]
) -> None:
    async def scenario() -> None:
        async with Worker(answer, close=True).serving() as url, new_client() as client:
            with pytest.raises(error):
                await ask(client, url)

    run(scenario())


def test_an_answer_that_is_not_http_is_not_asked_for_again(run: Callable[..., None]) -> None:
    async def scenario() -> None:
        worker = Worker(b"garbage\r\n\r\n", close=True)
        async with worker.serving() as url, new_client() as client:
            with pytest.raises(WorkerGarbageError):
                await ask(client, url)
        assert worker.opened == 1

    run(scenario())


@pytest.mark.parametrize(
    ("answer", "opened"),
    [
        (SIZED, 1),
        (CHUNKED, 1),
        (OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nok", 2),
        (SIZED + SIZED, 2),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nno", 1),
    ],
    ids=["sized", "chunked", "to be closed", "surplus", "refused"],
)
def test_a_connection_serves_again_where_nothing_speaks_against_it(
    run: Callable[..., None], answer: bytes, opened: int
) -> None:
    async def scenario() -> None:
        worker = Worker(answer, answer)
        async with worker.serving() as url, new_client() as client:
            for _ in range(2):
                try:
                    assert await ask(client, url) == b"ok"
                except WorkerStatusError:
                    assert b"503" in answer
        assert worker.opened == opened

    run(scenario())


@pytest.mark.parametrize("farewell", [b"", b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"])
def test_a_connection_that_the_worker_closes_while_nobody_asks_is_not_used_again(
    run: Callable[..., None], farewell: bytes
) -> None:
    async def scenario() -> None:
        bye = asyncio.Event()

        async def answer(writer: asyncio.StreamWriter) -> None:
            writer.write(SIZED)
            await bye.wait()
            writer.write(farewell)

        worker = Worker(answer, close=True)
        async with worker.serving() as url, new_client() as client:
            assert await ask(client, url) == b"ok"
            bye.set()
            await worker.left.acquire()
            for _ in range(10):
                await asyncio.sleep(0)  # the client hears of it
            assert await ask(client, url) == b"ok"
        assert worker.opened == 2

    run(scenario())


def test_a_connection_that_breaks_as_it_is_used_again_is_replaced(run: Callable[..., None]) -> None:
    async def scenario() -> None:
        async def hang_up(writer: asyncio.StreamWriter) -> None:
            if worker.opened == 1:
                writer.transport.abort()
            else:
                writer.write(CHUNKED)

        worker = Worker(SIZED, hang_up)
        async with worker.serving() as url, new_client() as client:
            assert [await ask(client, url) for _ in range(3)] == [b"ok"] * 3
        assert worker.opened == 2

    run(scenario())


def test_kept_connections_that_all_break_as_they_are_used_again_are_replaced_by_a_new_one(
    run: Callable[..., None],
) -> None:
    async def scenario() -> None:
        both = asyncio.Barrier(2)

        async def answer(writer: asyncio.StreamWriter) -> None:
            if worker.opened <= 2:
                await both.wait()
            writer.write(SIZED)

        async def hang_up(writer: asyncio.StreamWriter) -> None:
            writer.transport.abort()

        worker = Worker(answer, hang_up)
        async with worker.serving() as url, new_client() as client:
            async with asyncio.TaskGroup() as group:
                for _ in range(2):
                    group.create_task(ask(client, url))
            assert await ask(client, url) == b"ok"
        assert worker.opened == 3

    run(scenario())


def test_a_connection_without_requests_is_closed_after_a_while(
    run: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "KEPT_S", 0.01)

    async def scenario() -> None:
        worker = Worker(SIZED)
        async with worker.serving() as url, new_client() as client:
            await ask(client, url)
            await worker.left.acquire()

    run(scenario())


@pytest.mark.parametrize("said", [b"", OK, OK + b"Content-Length: 3\r\n\r\nok"], ids=["nothing", "a head", "a part"])
def test_a_worker_that_falls_silent_has_stalled(run: Callable[..., None], said: bytes) -> None:
    async def scenario() -> None:
        worker = Worker(said)
        async with worker.serving() as url, new_client(idle_s=0.05) as client:
            with pytest.raises(WorkerStalledError):
                await ask(client, url)
            await worker.left.acquire()

    run(scenario())


def test_a_request_that_is_cancelled_closes_its_connection(run: Callable[..., None]) -> None:
    async def scenario() -> None:
        worker = Worker(OK + b"Content-Length: 3\r\n\r\nok")
        async with worker.serving() as url, new_client() as client:
            task = asyncio.ensure_future(ask(client, url))
            await worker.asked.acquire()
            task.cancel()
            await worker.left.acquire()
            with pytest.raises(asyncio.CancelledError):
                await task

    run(scenario())


@pytest.mark.parametrize("said", [b"", SIZED[:-1], b"garbage", SIZED], ids=["silence", "a part", "garbage", "all"])
def test_a_connection_that_was_closed_leaves_nothing_to_the_garbage_collector(
    run: Callable[..., None], said: bytes
) -> None:
    async def scenario() -> list[object]:
        async with Worker(said).serving() as url:
            gc.collect()
            gc.disable()
            async with new_client(idle_s=0.05) as client:
                with contextlib.suppress(CandidateError):
                    await ask(client, url)
            await asyncio.sleep(0)
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            return [type(one) for one in gc.garbage if type(one).__module__.startswith("app.")]

    try:
        assert run(scenario()) == []
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def test_a_reader_that_is_slow_holds_the_worker_up_and_gets_all(run: Callable[..., None]) -> None:
    length = 64 * 1024 * 1024
    part = 64 * 1024

    async def scenario() -> None:
        sent = 0

        async def answer(writer: asyncio.StreamWriter) -> None:
            nonlocal sent
            writer.write(OK + b"Content-Length: %d\r\n\r\n" % length)
            while sent < length:
                writer.write(b"x" * part)
                sent += part
                await writer.drain()

        async with Worker(answer).serving() as url, new_client(idle_s=0.5) as client:
            async with client.stream(url, b"{}") as pieces:
                taken = len(await anext(pieces))
                before = -1
                while before < sent:
                    before = sent
                    await asyncio.sleep(0.8)  # longer than the worker may be silent
                assert sent < length
                async for piece in pieces:
                    taken += len(piece)
            assert taken == length

    run(scenario())


def test_a_connection_is_not_used_again_where_much_of_an_answer_was_left_unread(run: Callable[..., None]) -> None:
    async def scenario() -> None:
        body = b"x" * (MAX_WAITING + 1)
        answer = OK + b"Content-Length: %d\r\n\r\n" % len(body) + body
        worker = Worker(answer, answer)
        async with worker.serving() as url, new_client() as client:
            async with client.stream(url, b"{}") as pieces:
                assert isinstance(pieces, Connection)
                while not pieces.ended:  # noqa: ASYNC110 - there is no event for it
                    await asyncio.sleep(0)
            assert await ask(client, url) == body

    run(scenario())


def test_a_large_request_arrives_whole(run: Callable[..., None]) -> None:
    async def scenario() -> None:
        worker, body = Worker(SIZED), bytes(range(256)) * 20_000
        async with worker.serving() as url, new_client() as client:
            assert await ask(client, url, body) == b"ok"
        assert worker.bodies == [body]

    run(scenario())


def test_a_worker_that_refuses_a_large_request_before_it_is_there_harms_nothing(run: Callable[..., None]) -> None:
    async def scenario() -> None:
        async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.transport.abort()

        async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server, new_client() as client:
            with pytest.raises(WorkerCutError):
                await ask(client, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", bytes(20_000_000))

    run(scenario())


def certified(folder: Path) -> ssl.SSLContext:
    """Return the context of a server at localhost whose certificate is also its authority's: `cert.pem`."""
    import ssl  # noqa: PLC0415 - for this alone

    files = ("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"))
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    named = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    command = ("openssl", "req", "-x509", *curve, *named, *files)
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - the test's own
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def test_encrypted_connections_serve_those_that_authorities_vouch_for(
    run: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, body = certified(tmp_path), bytes(range(256)) * 20_000

    async def scenario() -> None:
        worker = Worker(CHUNKED, SIZED)
        async with worker.serving(context) as url:
            async with new_client() as client:
                with pytest.raises(WorkerUnreachableError):
                    await ask(client, url)
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
            async with new_client() as client:
                assert [await ask(client, url, body) for _ in range(2)] == [b"ok", b"ok"]
        assert worker.bodies == [body, body]
        assert worker.opened == 1

    run(scenario())


def test_a_worker_that_never_greets_is_unreachable(run: Callable[..., None]) -> None:
    async def scenario() -> None:
        async with Worker(b"").serving() as url, new_client(connect_s=0.1) as client:
            with pytest.raises(WorkerUnreachableError):
                await ask(client, url.replace("http:", "https:"))

    run(scenario())


def test_a_name_that_can_not_be_is_unreachable(run: Callable[..., None]) -> None:
    async def scenario() -> None:
        async with new_client() as client:
            with pytest.raises(WorkerUnreachableError):
                await ask(client, f"http://{'x' * 80}.test/")

    run(scenario())


@contextlib.contextmanager
def no_more_files() -> Generator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    full = os.open(os.devnull, os.O_RDONLY)
    resource.setrlimit(resource.RLIMIT_NOFILE, (full, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        os.close(full)


def test_a_gateway_that_can_open_no_more_connections_says_that_it_is_the_gateway(run: Callable[..., None]) -> None:
    async def scenario() -> None:
        async with Worker(SIZED).serving() as url, new_client() as client:
            with no_more_files(), pytest.raises(NoConnectionLeftError, match="too many open files"):
                await client.fetch(url.replace("localhost", "127.0.0.1"), timeout_s=LONG_S)
            assert await ask(client, url) == b"ok"

    run(scenario())
