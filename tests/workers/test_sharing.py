from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from structlog.testing import capture_logs

from app.redis_client import connect
from app.workers.balancing.base import Draw
from app.workers.balancing.two_choices import TwoChoices
from app.workers.sharing import LoadSharing
from app.workers.worker import Worker

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from tests.redis_server import RedisServer

URLS = ("http://10.0.0.7:8000", "http://10.0.0.8:8000")


class Gateway:
    """A gateway's workers, and what it shares of them."""

    def __init__(self, sharing: LoadSharing, workers: tuple[Worker, Worker]) -> None:
        self.sharing = sharing
        self.workers = workers

    def choices(self) -> set[str]:
        """Return whom `two_choices` chooses, in many tries."""
        policy = TwoChoices()
        return {one.id for _ in range(50) if (one := policy.choose(self.workers, Draw(tokens=10)))}


@asynccontextmanager
async def gateway(server: RedisServer, prefix: str = "quorum") -> AsyncGenerator[Gateway]:
    workers = (Worker(id="a", locate=lambda: URLS[0]), Worker(id="b", locate=lambda: URLS[1]))
    redis = connect(server.url)
    sharing = LoadSharing(redis, lambda: workers, prefix=prefix, every_s=0.1)
    try:
        async with sharing.kept():
            yield Gateway(sharing, workers)
    finally:
        await redis.aclose()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - numbers set no event
            await asyncio.sleep(0.02)


def test_what_a_worker_has_to_do_for_one_gateway_decides_the_choice_of_another(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async with gateway(redis_server) as one, gateway(redis_server) as other:
            assert other.choices() == {"a", "b"}
            one.workers[0].load.begin(4, 500)
            await until(lambda: other.workers[0].load.elsewhere == 2_000)
            assert other.choices() == {"b"}
            assert one.workers[0].load.elsewhere == 0
            one.workers[0].load.end(4, 500)
            await until(lambda: other.workers[0].load.elsewhere == 0)
            assert other.choices() == {"a", "b"}

    asyncio.run(scenario())


def test_loads_of_several_others_are_summed_and_those_of_another_installation_left_out(
    redis_server: RedisServer,
) -> None:
    async def scenario() -> None:
        async with (
            gateway(redis_server) as one,
            gateway(redis_server) as two,
            gateway(redis_server, "another") as stranger,
            gateway(redis_server) as reader,
        ):
            for who in (one, two, stranger):
                who.workers[1].load.begin(1, 300)
            await until(lambda: reader.workers[1].load.elsewhere == 600)

    asyncio.run(scenario())


def test_a_gateway_that_ends_leaves_nothing(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async with gateway(redis_server) as reader:
            async with gateway(redis_server) as one:
                one.workers[0].load.begin(1, 700)
                await until(lambda: reader.workers[0].load.elsewhere == 700)
            await until(lambda: reader.workers[0].load.elsewhere == 0)

    asyncio.run(scenario())
    redis_keys = redis_server.keys("quorum:load:*")
    assert redis_keys == []


def test_without_redis_what_was_heard_fades_and_comes_back_with_it(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async with gateway(redis_server) as one, gateway(redis_server) as reader:
            one.workers[0].load.begin(1, 1_000)
            await until(lambda: reader.workers[0].load.elsewhere == 1_000)
            with capture_logs() as logs:
                redis_server.stop()
                seen: list[int] = []
                await until(lambda: bool(seen.append(reader.workers[0].load.elsewhere)) or seen[-1] == 0)
                assert any(0 < tokens < 1_000 for tokens in seen)
                assert seen == sorted(seen, reverse=True)
                assert not reader.sharing.use.up
                redis_server.start()
                await until(lambda: reader.workers[0].load.elsewhere == 1_000)
            assert reader.sharing.use.up
            assert [log["event"] for log in logs] == ["redis down"] * 2 + ["redis up"] * 2

    asyncio.run(scenario())


def test_a_redis_that_hangs_is_no_better_than_one_that_is_gone(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async with gateway(redis_server) as one, gateway(redis_server) as reader:
            one.workers[0].load.begin(1, 1_000)
            await until(lambda: reader.workers[0].load.elsewhere == 1_000)
            redis_server.freeze()
            await until(lambda: reader.workers[0].load.elsewhere == 0)
            redis_server.thaw()
            await until(lambda: reader.workers[0].load.elsewhere == 1_000)

    asyncio.run(scenario())


def test_a_word_that_cannot_be_read_says_nothing(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async with gateway(redis_server) as one, gateway(redis_server) as reader:
            for number, word in enumerate((b"{", b'{"%s": "x"}' % URLS[0].encode(), b'{"%s": -5}' % URLS[0].encode())):
                redis_server.client.set(f"quorum:load:{number}", word)
                redis_server.client.sadd("quorum:loads", str(number))
            one.workers[0].load.begin(1, 40)
            await until(lambda: reader.workers[0].load.elsewhere == 40)
            assert reader.sharing.use.up

    asyncio.run(scenario())
