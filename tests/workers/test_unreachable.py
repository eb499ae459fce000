from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING

import pytest
import uvloop

from app.errors import CandidateError
from app.workers.client import HttpClient
from app.workers.unreachable import why_no_connection
from tests.redis_server import free_port

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Ask = Callable[[HttpClient], Awaitable[object]]

PATIENCE_S = 5.0


def failure(ask: Ask) -> str:
    """Return why a worker can't be asked."""

    async def scenario() -> str:
        async with HttpClient(connect_s=PATIENCE_S, idle_s=PATIENCE_S) as client:
            with pytest.raises(CandidateError) as caught:
                await ask(client)
        return caught.value.message

    return asyncio.run(scenario())


async def answering(ask: Callable[[str], Awaitable[object]], answer: bytes) -> None:
    """Have a server answer each request so while it is asked at its address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1_024)
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        await ask(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")


def certificate(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate is not valid for 'inner.example'")
    error.verify_code = code
    return error


def test_a_port_at_which_nobody_listens_refuses() -> None:
    port = free_port()
    asks: tuple[Ask, ...] = (
        lambda client: client.fetch(f"http://127.0.0.1:{port}/v1/models", timeout_s=PATIENCE_S),
        lambda client: client.stream(f"http://127.0.0.1:{port}/", b"{}").__aenter__(),
    )
    for ask in asks:
        assert failure(ask) == "no connection to the worker: connection refused"


def test_a_name_that_nobody_has_is_not_found() -> None:
    told = failure(lambda client: client.fetch("http://nowhere.invalid:9/v1/models", timeout_s=PATIENCE_S))
    assert told.startswith("no connection to the worker: its name ")
    assert "nowhere" not in told


def test_tls_where_there_is_none_is_told() -> None:
    def ask(client: HttpClient) -> Awaitable[object]:
        return answering(lambda host: client.fetch(f"https://{host}/v1/models", timeout_s=PATIENCE_S), b"HTTP/1.1 400 ")

    assert failure(ask) == "no connection to the worker: it speaks no TLS that is accepted; http:// may be meant"


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("read", [0, 1_024])
def test_tls_that_is_hung_up_on_is_told(new_loop: Callable[[], asyncio.AbstractEventLoop], read: int) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(read)
        writer.close()

    async def scenario() -> str:
        async with (
            await asyncio.start_server(hang_up, "127.0.0.1", 0) as server,
            HttpClient(connect_s=PATIENCE_S, idle_s=PATIENCE_S) as client,
        ):
            with pytest.raises(CandidateError) as caught:
                await client.fetch(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/", timeout_s=PATIENCE_S)
        return caught.value.message

    with asyncio.Runner(loop_factory=new_loop) as runner:
        told = runner.run(scenario())
    assert told == "no connection to the worker: it speaks no TLS that is accepted; http:// may be meant"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (certificate(10), "its TLS certificate has expired"),
        (certificate(18), "its TLS certificate is signed by nobody whom this machine trusts"),
        (certificate(62), "its TLS certificate is for another name than the worker's address has"),
        (certificate(1), "its TLS certificate is not accepted"),
        (socket.gaierror(socket.EAI_NONAME, "inner.example"), "its name is not found"),
        (socket.gaierror(socket.EAI_AGAIN, "inner.example"), "its name can't be looked up at the moment"),
        (OSError(113, "Connect call failed ('10.0.0.7', 9)"), "no route to host"),
        (OSError("Multiple exceptions: 10.0.0.7"), "the system gives no reason"),
        (TimeoutError("inner.example"), "it didn't accept one in time"),
        (UnicodeError("inner.example"), "its address is none"),
    ],
)
def test_the_reason_is_told_without_the_address(error: Exception, told: str) -> None:
    assert why_no_connection(error) == told


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("/v1/models", 404, "answered with status 404 to /v1/models: a worker's address is that of a server with "),
        ("/v1/models", 401, "answered with status 401: it doesn't take the gateway's key, which worker_api_key sets"),
        ("/v1/models", 308, "answered with status 308: it redirects, so give the address that it redirects to"),
        ("/v1/models", 500, "answered with status 500"),
        ("/props", 404, "answered with status 404"),
    ],
)
def test_what_answers_and_is_no_worker_is_told_what_address_is_wanted(path: str, status: int, told: str) -> None:
    def ask(client: HttpClient) -> Awaitable[object]:
        answer = b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status
        return answering(lambda host: client.fetch(f"http://{host}{path}", timeout_s=PATIENCE_S), answer)

    assert failure(ask).startswith(told)
