from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import aiohttp
import msgspec
import pytest

from tests.scripted.actions import (
    CloseIdle,
    ErrorInStream,
    Garbage,
    HalfBody,
    HangUp,
    NoFinish,
    Reset,
    Silence,
    Stall,
    Status,
)
from tests.scripted.client import HELLO, get, post, stream
from tests.scripted.hosted import hosted
from tests.scripted.llamacpp import LlamaCpp
from tests.scripted.received import Ending
from tests.scripted.reply import Reply
from tests.scripted.scripts import always, by_seed, in_turn
from tests.scripted.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from tests.scripted.actions import Action
    from tests.scripted.received import Received
    from tests.scripted.reply import Json

WORDS = Reply(texts=("one two three",))


def run(action: Action, scenario: Callable[[Upstream], Awaitable[None]]) -> Upstream:
    async def whole() -> Upstream:
        async with Upstream(always(action)) as upstream:
            await scenario(upstream)
            return upstream

    return asyncio.run(whole())


@asynccontextmanager
async def opened(upstream: Upstream, **fields: object) -> AsyncGenerator[asyncio.StreamReader]:
    """Send a streamed request by hand; the connection is closed with the block."""
    reader, writer = await asyncio.open_connection("127.0.0.1", upstream.port)
    body = msgspec.json.encode({**HELLO, "stream": True, **fields})
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    try:
        yield reader
    finally:
        writer.close()


def test_a_request_is_recorded_with_its_headers_its_body_and_its_ending() -> None:
    async def scenario(upstream: Upstream) -> None:
        await stream(upstream.url, seed=7, extra="kept")

    upstream = run(WORDS, scenario)

    (received,) = upstream.seen
    assert received.body == {**HELLO, "stream": True, "seed": 7, "extra": "kept"}
    assert received.headers["content-type"] == "application/json"
    assert (received.sent_tokens, received.sent_chunks, received.ending) == (3, 5, Ending.FINISHED)
    assert not received.in_flight
    assert (upstream.totals.requests, upstream.totals.tokens, upstream.in_flight) == (1, 3, 0)


def test_a_client_that_leaves_stops_the_answer_and_the_record_says_when() -> None:
    async def scenario(upstream: Upstream) -> None:
        async with opened(upstream) as reader:
            await reader.readuntil(b"w0")
            await upstream.wait_until(lambda seen: seen.seen[0].sent_tokens >= 3)
            assert upstream.in_flight == 1
        await upstream.wait_until(lambda seen: seen.in_flight == 0)

    upstream = run(Reply(texts=("w0 " * 10_000,), delay_per_chunk_s=0.001), scenario)

    assert upstream.seen[0].ending is Ending.CLIENT_CLOSED
    assert 3 <= upstream.seen[0].sent_tokens < 10_000


def test_a_client_that_does_not_read_holds_the_answer_up() -> None:
    async def scenario(upstream: Upstream) -> None:
        async with opened(upstream) as reader:
            await upstream.wait_until(lambda seen: seen.totals.chunks > 0)
            assert upstream.in_flight == 1
            assert upstream.totals.tokens < 100_000
            while b"[DONE]" not in await reader.read(1 << 20):
                pass
            await upstream.wait_until(lambda seen: seen.in_flight == 0)
            assert upstream.totals.tokens == 100_000

    run(Reply(texts=("w " * 99_999 + "w",)), scenario)


def test_the_first_token_and_the_others_can_be_late() -> None:
    async def scenario(upstream: Upstream) -> None:
        events = await stream(upstream.url)
        assert len(events) == 5

    run(Reply(texts=("one two three",), delay_first_s=0.002, delay_per_chunk_s=0.001), scenario)


def test_scripts_take_their_actions_in_turn_or_by_seed() -> None:
    async def texts(upstream: Upstream, seeds: list[int | None]) -> list[str]:
        bodies = [(await post(upstream.url, seed=seed))[1] for seed in seeds]
        return [text_of(body) for body in bodies]

    async def scenario() -> None:
        replies = [Reply(texts=(letter,)) for letter in "abc"]
        async with Upstream(in_turn(*replies)) as upstream:
            assert await texts(upstream, [None] * 5) == ["a", "b", "c", "c", "c"]
            upstream.script = by_seed(*replies)
            assert await texts(upstream, [2, 1, 4]) == ["c", "b", "b"]
            assert await texts(upstream, [None]) == ["c"]  # request number 8

    asyncio.run(scenario())


def text_of(body: Json) -> str:
    return msgspec.convert(body, Whole).choices[0].message.content


class Message(msgspec.Struct):
    content: str


class Choice(msgspec.Struct):
    message: Message


class Whole(msgspec.Struct):
    choices: list[Choice]


def test_an_error_status_has_the_engine_s_body_or_the_test_s() -> None:
    async def scenario(upstream: Upstream) -> None:
        upstream.script = in_turn(Status(status=503, message="full"), Status(status=400, body=b'{"detail": "odd"}'))
        status, body = await post(upstream.url)
        assert status == 503
        assert body == {
            "error": {"message": "full", "type": "ServiceUnavailableError", "param": None, "code": 503},
        }
        assert await post(upstream.url) == (400, {"detail": "odd"})

    run(WORDS, scenario)


def test_garbage_comes_as_a_stream_or_in_place_of_http() -> None:
    async def scenario(upstream: Upstream) -> None:
        upstream.script = in_turn(Garbage(data=b"junk"), Garbage(data=b"junk", raw=True))
        async with opened(upstream) as reader:
            assert (await reader.readuntil(b"0\r\n\r\n")).endswith(b"4\r\njunk\r\n0\r\n\r\n")
        async with opened(upstream) as reader:
            assert await reader.read() == b"junk"

    run(WORDS, scenario)


@pytest.mark.parametrize("streaming", [True, False])
def test_half_a_body_is_cut_after_so_many_chunks(*, streaming: bool) -> None:
    async def scenario(upstream: Upstream) -> None:
        async with opened(upstream, stream=streaming) as reader:
            sent = await reader.read()
        assert b"[DONE]" not in sent
        with pytest.raises(aiohttp.ClientPayloadError):
            await post(upstream.url, stream=streaming)

    upstream = run(HalfBody(reply=WORDS, after_chunks=1), scenario)

    assert {received.ending for received in upstream.seen} == {Ending.CUT}
    assert {received.sent_chunks for received in upstream.seen} == {1}


@pytest.mark.parametrize(("action", "chunks"), [(Silence(), 0), (Stall(reply=WORDS, after_chunks=2), 2)])
def test_silence_and_a_stall_hold_until_the_client_leaves(action: Action, chunks: int) -> None:
    async def scenario(upstream: Upstream) -> None:
        async with opened(upstream):
            await upstream.wait_until(lambda seen: seen.totals.requests == 1 and seen.totals.chunks == chunks)
            assert upstream.in_flight == 1
        await upstream.wait_until(lambda seen: seen.in_flight == 0)

    assert run(action, scenario).seen[0].ending is Ending.CLIENT_CLOSED


def test_a_reset_and_a_hang_up_end_the_connection_without_an_answer() -> None:
    async def scenario(upstream: Upstream) -> None:
        upstream.script = in_turn(Reset(), HangUp())
        async with opened(upstream) as reader:
            with pytest.raises(ConnectionResetError):
                await reader.read()
        async with opened(upstream) as reader:
            assert await reader.read() == b""

    assert [received.ending for received in run(WORDS, scenario).seen] == [Ending.CUT, Ending.CUT]


def test_an_error_in_the_stream_is_followed_by_done() -> None:
    async def scenario(upstream: Upstream) -> None:
        *before, error = await stream(upstream.url)
        assert len(before) == 2
        assert "error" in error
        assert (await post(upstream.url))[0] == 500

    run(ErrorInStream(reply=WORDS, after_chunks=2), scenario)


@pytest.mark.parametrize("dialect", [None, LlamaCpp()])
def test_a_stream_without_a_finish_reason_still_ends_with_done(dialect: LlamaCpp | None) -> None:
    async def scenario() -> None:
        async with Upstream(always(NoFinish(reply=WORDS)), dialect=dialect) as upstream:
            events = await stream(upstream.url)
            assert not any(b"stop" in msgspec.json.encode(event) for event in events)
            assert len(events) == 4
            with pytest.raises(aiohttp.ClientPayloadError):
                await post(upstream.url)

    asyncio.run(scenario())


def test_an_idle_connection_can_be_closed_behind_the_client_s_back() -> None:
    async def scenario(upstream: Upstream) -> None:
        async with opened(upstream) as reader:
            assert (await reader.read()).endswith(b"[DONE]\n\n\r\n0\r\n\r\n")

    run(CloseIdle(reply=WORDS), scenario)


def test_connections_are_kept_alive_and_numbered() -> None:
    async def scenario(upstream: Upstream) -> None:
        async with aiohttp.ClientSession() as session:
            for _ in range(2):
                async with session.post(f"{upstream.url}/v1/chat/completions", json=HELLO) as response:
                    await response.read()
        await post(upstream.url)

    assert [received.connection for received in run(WORDS, scenario).seen] == [0, 0, 1]


def test_its_other_pages_are_an_engine_s_and_can_be_overridden() -> None:
    async def scenario(upstream: Upstream) -> None:
        assert await get(f"{upstream.url}/health") == (200, b"")
        assert b'"max_model_len":4096' in (await get(f"{upstream.url}/v1/models"))[1]
        assert b"vllm:num_requests_running" in (await get(f"{upstream.url}/metrics?x=1"))[1]
        assert b'"requests":0' in (await get(f"{upstream.url}/scripted/totals"))[1]
        assert (await get(f"{upstream.url}/nowhere"))[0] == 404
        upstream.routes["/health"] = Status(status=503)
        assert (await get(f"{upstream.url}/health"))[0] == 503
        upstream.dialect = LlamaCpp()
        assert b"llamacpp:requests_processing 0" in (await get(f"{upstream.url}/metrics"))[1]
        upstream.routes.clear()
        assert await get(f"{upstream.url}/health") == (200, b'{"status":"ok"}')

    assert len(run(WORDS, scenario).seen) == 0


def test_a_request_that_is_none_gets_a_400() -> None:
    async def scenario(upstream: Upstream) -> None:
        status, body = await post(upstream.url, messages="none")
        assert status == 400
        assert "error" in body

    assert len(run(WORDS, scenario).seen) == 0


def test_what_is_not_http_and_what_is_pipelined_is_dropped() -> None:
    async def scenario(upstream: Upstream) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", upstream.port)
        writer.write(b"not http at all\r\n\r\n")
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
        body = msgspec.json.encode(HELLO)
        head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
        reader, writer = await asyncio.open_connection("127.0.0.1", upstream.port)
        writer.write((head + body) * 2)
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()

    run(Silence(), scenario)


def test_it_can_stop_and_start_again_on_its_port() -> None:
    async def scenario(upstream: Upstream) -> None:
        async with opened(upstream) as reader:
            await upstream.wait_until(lambda seen: seen.in_flight == 1)
            await upstream.stop()
            with suppress(ConnectionResetError):
                await reader.read()
        with pytest.raises(aiohttp.ClientConnectionError):
            await post(upstream.url)
        await upstream.start()
        upstream.script = always(WORDS)
        assert (await post(upstream.url))[0] == 200

    run(Stall(reply=WORDS), scenario)


def test_a_script_that_fails_answers_500_and_fails_the_test() -> None:
    def broken(received: Received) -> Action:
        raise LookupError(received.number)

    async def scenario() -> None:
        async with Upstream(broken) as upstream:
            assert (await post(upstream.url))[0] == 500

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(scenario())
    assert caught.group_contains(LookupError)


def test_waiting_for_what_does_not_come_has_a_limit() -> None:
    async def scenario(upstream: Upstream) -> None:
        with pytest.raises(TimeoutError):
            await upstream.wait_until(lambda seen: seen.in_flight > 0, timeout_s=0.01)

    run(WORDS, scenario)


def test_it_runs_in_a_thread_for_tests_without_a_loop() -> None:
    with hosted(Upstream(always(Stall(reply=WORDS)))) as host:
        with socket.create_connection(("127.0.0.1", host.upstream.port)) as client:
            body = msgspec.json.encode({**HELLO, "stream": True})
            client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            host.wait_until(lambda upstream: upstream.in_flight == 1)
        host.wait_until(lambda upstream: upstream.in_flight == 0)
        assert host.upstream.seen[0].ending is Ending.CLIENT_CLOSED
        host.stop()
        host.start()
        assert asyncio.run(get(f"{host.url}/health"))[0] == 200


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["vllm", "llamacpp"])
def test_it_runs_on_its_own_and_prints_its_address(engine: str) -> None:
    options = ["--engine", engine, "--tokens", "4", "--tokens-per-chunk", "2", "--delay-first", "9", "--instant"]
    command = [sys.executable, "-m", "tests.scripted", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - a fixed command
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        _, body = asyncio.run(post(url, seed=1))
        process.terminate()
    assert text_of(body) == "B0 B1 B2 B"
