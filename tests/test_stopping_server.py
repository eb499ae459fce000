"""A server that is told to stop lets requests end; told twice, it ends them at once, and each is answered."""

from __future__ import annotations

import asyncio
import signal

import httpx2
import pytest

from tests.scripted.reply import Reply
from tests.scripted.scripts import always
from tests.scripted.upstream import Upstream
from tests.stage import MODEL, QUESTION
from tests.told import serving

SLOW = Reply(texts=("word " * 6_000,), delay_per_chunk_s=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_twice_it_cancels_what_is_under_way_and_says_so(number: signal.Signals) -> None:
    async def scenario() -> None:
        async with Upstream(always(SLOW), models=(MODEL,)) as worker, serving("--worker", worker.url) as told:
            async with asyncio.TaskGroup() as group:
                plain = group.create_task(told.ask(strategy="parallel-2"))
                streamed = group.create_task(told.ask(stream=True))
                await worker.wait_until(lambda upstream: upstream.in_flight == 3)
                await worker.wait_until(lambda upstream: all(seen.sent_tokens > 1 for seen in upstream.seen))
                told.process.send_signal(number)
                await told.until(None)
                told.process.send_signal(number)
            log = await told.ended()
            await worker.wait_until(lambda upstream: upstream.in_flight == 0)
        assert (plain.result().status_code, plain.result().json()["error"]["code"]) == (503, "unavailable")
        lines = [line for line in streamed.result().text.split("\n") if line]
        assert (streamed.result().status_code, lines[-1]) == (200, "data: [DONE]")
        assert '"code":"unavailable"' in lines[-2]
        assert "Traceback" not in log

    asyncio.run(scenario())


@pytest.mark.slow
def test_told_once_it_lets_a_request_come_to_its_end() -> None:
    async def scenario() -> None:
        quick = Reply(texts=("The answer is 42.",), delay_first_s=0.5)
        async with Upstream(always(quick), models=(MODEL,)) as worker, serving("--worker", worker.url) as told:
            async with asyncio.TaskGroup() as group:
                answer = group.create_task(told.ask())
                await worker.wait_until(lambda upstream: upstream.in_flight == 1)
                told.process.send_signal(signal.SIGTERM)
            assert answer.result().json()["choices"][0]["message"]["content"] == "The answer is 42."
            assert "Traceback" not in await told.ended()

    asyncio.run(scenario())


@pytest.mark.slow
def test_while_it_drains_it_is_not_ready_and_turns_away_what_comes_on_open_connections() -> None:
    async def scenario() -> None:
        quick = Reply(texts=("The answer is 42.",), delay_first_s=3.0)
        async with Upstream(always(quick), models=(MODEL,)) as worker, serving("--worker", worker.url) as told:
            async with asyncio.TaskGroup() as group, httpx2.AsyncClient(base_url=told.client.base_url) as second:
                assert (await second.get("/readyz")).status_code == 200
                answer = group.create_task(told.ask())
                async with httpx2.AsyncClient(base_url=told.client.base_url) as third:
                    await third.get("/healthz")
                    await worker.wait_until(lambda upstream: upstream.in_flight == 1)
                    told.process.send_signal(signal.SIGTERM)
                    await told.until(None)
                    refused = await third.post("/v1/chat/completions", json=QUESTION)
                not_ready = await second.get("/readyz")
            log = await told.ended()
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "unavailable")
        assert (refused.headers["connection"], refused.headers["retry-after"]) == ("close", "5")
        assert (not_ready.status_code, not_ready.json()["error"]["code"]) == (503, "draining")
        assert not_ready.headers["connection"] == "close"
        assert answer.result().json()["choices"][0]["message"]["content"] == "The answer is 42."
        assert answer.result().headers["connection"] == "close"
        assert "Traceback" not in log

    asyncio.run(scenario())


@pytest.mark.slow
def test_when_the_grace_time_is_over_what_is_left_is_cancelled_and_told_so() -> None:
    async def scenario() -> None:
        async with (
            Upstream(always(SLOW), models=(MODEL,)) as worker,
            serving("--worker", worker.url, QUORUM_SHUTDOWN_GRACE_S="0.3") as told,
        ):
            async with asyncio.TaskGroup() as group:
                answer = group.create_task(told.ask())
                await worker.wait_until(lambda upstream: upstream.in_flight == 1)
                told.process.send_signal(signal.SIGTERM)
            log = await told.ended()
            await worker.wait_until(lambda upstream: upstream.in_flight == 0)
        assert (answer.result().status_code, answer.result().json()["error"]["code"]) == (503, "unavailable")
        assert "requests cancelled" in log
        assert "Traceback" not in log

    asyncio.run(scenario())
