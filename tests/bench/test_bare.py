from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import uvicorn

from tests.bench.bare import create_app
from tests.bench.bodies import asking
from tests.bench.load import closed_loop
from tests.scripted.actions import Status
from tests.scripted.client import get, post
from tests.scripted.reply import Reply
from tests.scripted.scripts import always, by_seed
from tests.scripted.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

VOTES = by_seed(*(Reply(texts=(f"the answer is {letter}",)) for letter in "ABABABAA"))


def behind_the_loop(upstream: Upstream, scenario: Callable[[str], Awaitable[None]]) -> None:
    async def served() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            server = uvicorn.Server(uvicorn.Config(create_app(upstream.url), log_level="critical"))
            async with asyncio.TaskGroup() as group:
                group.create_task(server.serve([listening]))
                await scenario(f"http://127.0.0.1:{listening.getsockname()[1]}")
                server.should_exit = True

    async def whole() -> None:
        async with upstream:
            await served()

    asyncio.run(whole())


@pytest.mark.parametrize(("strategy", "calls", "votes"), [("single", 1, 1), ("parallel-8", 8, 5)])
def test_the_bare_loop_votes_on_the_texts_of_its_calls_and_sums_their_usage(
    strategy: str, calls: int, votes: int
) -> None:
    upstream = Upstream(VOTES)

    async def scenario(url: str) -> None:
        status, body = await post(url, strategy=strategy, max_tokens=9)
        assert status == 200
        message = {"role": "assistant", "content": "the answer is A"}
        assert body["choices"] == [{"index": 0, "message": message, "finish_reason": "stop"}]
        assert body["votes"] == votes
        assert body["usage"] == {"prompt_tokens": 2 * calls, "completion_tokens": 4 * calls}
        assert (await get(f"{url}/healthz"))[0] == 200

    behind_the_loop(upstream, scenario)

    assert sorted(received.seed or 0 for received in upstream.seen) == list(range(calls))
    assert all(received.call.max_tokens == 9 for received in upstream.seen)


def test_the_bare_loop_fails_with_its_upstream() -> None:
    async def scenario(url: str) -> None:
        sample = await closed_loop(urlsplit(url).port or 0, asking("single"), connections=1, seconds=0.0)
        assert sample.failures == ("500: Internal Server Error",)

    behind_the_loop(Upstream(always(Status(status=503))), scenario)
