"""A request that does not come to its end in time is refused, however it dawdles, and nobody else notices."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from starlette.responses import Response

from app.api.front import FrontDoor
from app.protocol import BoundedProtocol
from app.server import serving

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the body, or not at all where the client goes."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        if not message["more_body"]:
            await Response(body)(scope, receive, send)
            return


async def late(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the body, but not soon."""

    async def slowly(message: Message) -> None:
        await asyncio.sleep(0.75)  # once for the head and once for the body: longer than a request may take to arrive
        await send(message)

    await echo(scope, receive, slowly)


async def early(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer without looking at the body, and take some time over it."""
    await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"ab", "more_body": True})
    await asyncio.sleep(0.5)
    await send({"type": "http.response.body", "body": b"cd"})


async def said(*pieces: bytes, app: object = echo, pause_s: float = 0.0) -> bytes:
    """Return all that a server says to a client that sends `pieces` and then waits."""
    async with serving(FrontDoor(chat=app)) as url:  # pyright: ignore[reportArgumentType] - an ASGI app
        host, _, port = url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            heard = group.create_task(reader.read())
            for piece in pieces:
                if not heard.done():
                    writer.write(piece)
                    await asyncio.sleep(pause_s)
        writer.close()
        return heard.result()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedProtocol, "arrival_s", 0.2)


@pytest.mark.parametrize("sent", [HEAD, HEAD + b"12345", HEAD[:20], HEAD[:-2]], ids=["head", "half", "line", "open"])
def test_a_request_that_stays_unfinished_is_refused_and_its_connection_closed(sent: bytes) -> None:
    head, _, body = asyncio.run(said(sent)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert json.loads(body)["error"]["message"] == "the request did not arrive within 0.2 s"


def test_a_request_that_trickles_in_is_refused_as_well() -> None:
    answer = asyncio.run(said(*(HEAD[at : at + 1] for at in range(40)), pause_s=0.02))
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_a_request_in_several_pieces_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedProtocol, "arrival_s", 20.0)
    last = HEAD.replace(b"Host: x", b"Connection: close")
    answer = asyncio.run(said(last[:30], last[30:], b"12345", b"67890", pause_s=0.01))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"1234567890")


@pytest.mark.parametrize("after", [b"", b"1234567890" + HEAD[:20], b"1234567890" + HEAD], ids=["own", "line", "head"])
def test_an_answer_that_is_on_its_way_comes_whole_before_anything_is_refused(after: bytes) -> None:
    answer = asyncio.run(said(HEAD + after, app=early))
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413 ")
    assert rest.startswith(b"abcd")


def test_a_request_in_pieces_may_take_long_to_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedProtocol, "arrival_s", 1.0)
    last = HEAD.replace(b"Host: x", b"Connection: close")
    answer = asyncio.run(said(last, b"1234567890", app=late, pause_s=0.05))
    assert answer.endswith(b"1234567890")


def test_a_client_that_goes_on_sending_is_told_why_it_is_refused() -> None:
    long = HEAD.replace(b"Length: 10", b"Length: 99999999")
    answer = asyncio.run(said(long, *[b"x" * 20_000] * 40, pause_s=0.01))
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_blank_lines_are_no_way_to_hold_a_connection() -> None:
    assert asyncio.run(said(*[b"\r\n"] * 20, pause_s=0.02)).startswith(b"HTTP/1.1 408 ")


def test_a_connection_is_kept_for_longer_than_clients_keep_theirs() -> None:
    answers = asyncio.run(_asked_twice(pause_s=6.0))  # httpx closes after five seconds, and so would uvicorn by itself
    assert [answer.partition(b"\r\n")[0] for answer in answers] == [b"HTTP/1.1 200 OK"] * 2


async def _asked_twice(*, pause_s: float) -> list[bytes]:
    """Return what a server answers to two requests over one connection."""
    async with serving(FrontDoor(chat=echo)) as url:  # pyright: ignore[reportArgumentType] - an ASGI app
        host, _, port = url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        answers: list[bytes] = []
        for wait_s in (0.0, pause_s):
            await asyncio.sleep(wait_s)
            writer.write(HEAD + b"1234567890")
            answers.append(await reader.readuntil(b"1234567890"))
        writer.close()
        return answers
