from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, cast

import msgspec
import pytest
from structlog.testing import capture_logs

from app.redis_client import connect
from app.workers.discovery.base import Announced
from app.workers.discovery.entry import MAX_ENTRY_BYTES
from app.workers.discovery.lease import Lease
from app.workers.discovery.registry import MAX_WORKERS, Registry
from tests.workers.discovery.watching import until, watching

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from redis.asyncio import Redis

    from tests.redis_server import RedisServer

A = Announced(url="http://10.0.0.7:8000", name="a", labels={"zone": "x"}, limit=4)
B = Announced(url="http://10.0.0.8:8000")
LONG_S = 600.0
SHORT_S = 0.3

eager = partial(Registry, every_s=0.01)


@asynccontextmanager
async def connected(server: RedisServer) -> AsyncGenerator[Redis]:
    """Have a client of the server."""
    redis = connect(server.url)
    try:
        yield redis
    finally:
        await redis.aclose()


def written(server: RedisServer) -> dict[str, bytes]:
    """Return the entries in Redis by their keys."""
    return {key: cast("bytes", server.client.get(key)) for key in server.keys("quorum:worker:*")}


def put(server: RedisServer, id_: str, value: bytes) -> None:
    """Write an entry by hand."""
    server.client.set(f"quorum:worker:{id_}", value)
    server.client.sadd("quorum:workers", id_)


def test_a_worker_is_known_while_it_holds_its_lease(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async with connected(redis_server) as redis, watching(eager(redis)) as watched:
            assert watched.said == [()]
            async with Lease(redis, A, LONG_S), Lease(redis, B, LONG_S):
                await watched.until(lambda it: it.said[-1] == (A, B))
            await watched.until(lambda it: it.said[-1] == ())
        assert written(redis_server) == {}
        assert redis_server.client.scard("quorum:workers") == 0

    asyncio.run(scenario())


def test_an_entry_says_what_is_served_and_ends_by_redis_clock(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async with connected(redis_server) as redis, Lease(redis, A, LONG_S, models=["m"]):
            ((key, value),) = written(redis_server).items()
            assert json.loads(value) == {**msgspec.to_builtins(A), "models": ["m"], "lease_s": LONG_S}
            assert 0 < redis_server.client.pttl(key) <= LONG_S * 1_000

    asyncio.run(scenario())


def test_a_lease_is_renewed(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async with connected(redis_server) as redis, Lease(redis, A, SHORT_S):
            redis_server.forget()
            await until(lambda: bool(written(redis_server)))
            assert redis_server.client.smembers("quorum:workers") == {A.url.encode()}

    asyncio.run(scenario())


def test_a_worker_that_renews_no_more_is_forgotten_with_its_id(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async with connected(redis_server) as redis, watching(eager(redis)) as watched:
            put(redis_server, B.url, msgspec.json.encode({"url": B.url, "lease_s": LONG_S}))
            await watched.until(lambda it: it.said[-1] == (B,))
            redis_server.client.pexpire(f"quorum:worker:{B.url}", 1)
            await watched.until(lambda it: it.said[-1] == ())
            await until(lambda: redis_server.client.scard("quorum:workers") == 0)

    asyncio.run(scenario())


def test_installations_with_prefixes_of_their_own_share_a_redis(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async with (
            connected(redis_server) as redis,
            Lease(redis, A, prefix="one"),
            Lease(redis, B, prefix="two"),
            watching(eager(redis, prefix="one")) as one,
            watching(eager(redis, prefix="two")) as two,
        ):
            assert (one.said, two.said) == ([(A,)], [(B,)])

    asyncio.run(scenario())


def test_while_redis_is_down_known_workers_stand_and_afterwards_all_goes_on(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async with connected(redis_server) as redis, Lease(redis, A, LONG_S):
            registry = eager(redis)
            with capture_logs() as logs:
                async with watching(registry) as watched:
                    redis_server.stop()
                    await until(lambda: registry.standing.failures >= 3)
                    redis_server.start()
                    await until(lambda: registry.standing.up)
                    put(redis_server, B.url, msgspec.json.encode({"url": B.url, "lease_s": LONG_S}))
                    await watched.until(lambda it: it.said[-1] == (A, B))
            assert watched.said == [(A,), (A, B)]
            events = [line["event"] for line in logs if line.get("source") == "registry"]
            assert events == ["source down", "source up"]

    asyncio.run(scenario())


def test_a_registry_without_redis_knows_nobody_until_there_is_one(redis_server: RedisServer) -> None:
    redis_server.stop()

    async def scenario() -> None:
        async with (
            connected(redis_server) as redis,
            Lease(redis, A, SHORT_S) as lease,
            watching(eager(redis)) as watched,
        ):
            assert watched.said == [()]
            assert not lease.standing.up
            redis_server.start()
            await watched.until(lambda it: it.said[-1] == (A,))

    asyncio.run(scenario())


def test_a_redis_that_forgot_everything_costs_no_worker_that_registers_again(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async with connected(redis_server) as redis, Lease(redis, A, 3.0), Lease(redis, B, LONG_S):
            async with watching(eager(redis)) as watched:
                redis_server.forget()
                await until(lambda: redis_server.client.scard("quorum:workers") == 1)
                await watched.until(lambda it: it.said[-1] == (A, B))
            assert watched.said == [(A, B)]

    asyncio.run(scenario())


def test_one_that_does_not_register_again_is_forgotten_after_its_lease(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async with connected(redis_server) as redis, watching(eager(redis)) as watched:
            put(redis_server, B.url, msgspec.json.encode({"url": B.url, "lease_s": SHORT_S}))
            await watched.until(lambda it: it.said[-1] == (B,))
            redis_server.forget()
            await watched.until(lambda it: it.said[-1] == ())

    asyncio.run(scenario())


def test_one_that_registered_again_and_leaves_is_forgotten_at_once(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async with connected(redis_server) as redis, watching(eager(redis)) as watched:
            async with Lease(redis, A, LONG_S):
                await watched.until(lambda it: it.said[-1] == (A,))
                redis_server.forget()
                await until(lambda: bool(redis_server.client.exists("quorum:workers:since")))
            async with Lease(redis, A, LONG_S), Lease(redis, B, LONG_S):
                await watched.until(lambda it: it.said[-1] == (A, B))
            await watched.until(lambda it: it.said[-1] == ())

    asyncio.run(scenario())


def test_a_redis_that_hangs_is_one_that_is_down(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async with connected(redis_server) as redis, Lease(redis, A, LONG_S):
            registry = eager(redis)
            async with watching(registry) as watched:
                redis_server.freeze()
                await until(lambda: registry.standing.failures == 1)
                redis_server.thaw()
                await until(lambda: registry.standing.up)
            assert watched.said == [(A,)]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "value",
    [
        *(b"[", b"\xff", b"{}", b"null", b'"x"', b'{"url": 1, "lease_s": 1}', b'{"url": "http://10.0.0.9:1"}'),
        b'{"url": "http://10.0.0.9:1", "lease_s": 0}',
        b'{"url": "http://10.0.0.9:1", "lease_s": 1e9}',
        b'{"url": "http://10.0.0.9:1", "lease_s": 1, "name": "two words"}',
        b'{"url": "http://10.0.0.9:1", "lease_s": 1, "limit": 0}',
        b'{"url": "http://10.0.0.9:1", "lease_s": 1, "labels": {"zone": ""}}',
        b'{"url": "http://me:hidden@10.0.0.9:1", "lease_s": 1}',
        b'{"url": "http://10.0.0.8:8000", "lease_s": 1}',
        b'{"url": "http://10.0.0.9:1", "lease_s": 1, "more": "' + b"x" * MAX_ENTRY_BYTES + b'"}',
        b'{"url": "http://10.0.0.9:1", "lease_s": 1, "more": ' + b"[" * 4_000 + b"]" * 4_000 + b"}",
    ],
)
def test_an_entry_that_can_not_be_read_is_skipped_and_told_once(redis_server: RedisServer, value: bytes) -> None:
    async def scenario() -> None:
        put(redis_server, "http://10.0.0.9:1", value)
        async with connected(redis_server) as redis, Lease(redis, A, LONG_S):
            with capture_logs() as logs:
                async with watching(eager(redis)) as watched, Lease(redis, B, LONG_S):
                    await watched.until(lambda it: it.said[-1] == (A, B))
        assert [line["event"] for line in logs] == ["registered worker skipped"]
        assert logs[0]["id"] == "http://10.0.0.9:1"
        assert "hidden" not in str(logs)

    asyncio.run(scenario())


def test_a_registered_host_that_nobody_can_have_is_skipped(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        for host in ("999.1.1.1", "a..b"):
            url = f"http://{host}:80"
            put(redis_server, url, msgspec.json.encode({"url": url, "lease_s": 600}))
        async with connected(redis_server) as redis, Lease(redis, A), watching(eager(redis)) as watched:
            assert watched.said == [(A,)]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("id_", "told"),
    [
        ("http://u:hidden@10.0.0.9:1", "http://***@10.0.0.9:1"),
        ("https://u:hid/hidden@den//hidden@a", "https://***@a"),
        ("u:hidden://x@a", "***@a"),
    ],
)
def test_of_a_key_with_a_password_neither_that_nor_the_user_is_told(
    redis_server: RedisServer, id_: str, told: str
) -> None:
    async def scenario() -> None:
        put(redis_server, id_, msgspec.json.encode({"url": id_, "lease_s": 600}))
        async with connected(redis_server) as redis, Lease(redis, A):
            with capture_logs() as logs:
                async with watching(eager(redis)) as watched:
                    assert watched.said == [(A,)]
        assert [line["id"] for line in logs] == [told]
        assert "hidden" not in str(logs)

    asyncio.run(scenario())


def test_what_is_unknown_in_an_entry_is_left_to_those_who_know_it(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        put(redis_server, B.url, msgspec.json.encode({"url": B.url, "lease_s": 1, "colour": "red"}))
        async with connected(redis_server) as redis, watching(eager(redis)) as watched:
            assert watched.said == [(B,)]

    asyncio.run(scenario())


def test_a_key_of_another_kind_is_skipped(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        redis_server.client.lpush("quorum:worker:x", "1")
        redis_server.client.sadd("quorum:workers", "x")
        async with connected(redis_server) as redis, Lease(redis, A), watching(eager(redis)) as watched:
            assert watched.said == [(A,)]

    asyncio.run(scenario())


def test_a_registry_that_is_flooded_is_not_believed(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async with connected(redis_server) as redis, Lease(redis, A, LONG_S):
            registry = eager(redis)
            async with watching(registry) as watched:
                redis_server.client.sadd("quorum:workers", *range(MAX_WORKERS))
                await until(lambda: registry.standing.failures > 0)
            assert watched.said == [(A,)]

    asyncio.run(scenario())


def test_the_body_of_a_lease_raises_what_it_raises(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async with connected(redis_server) as redis:
            with pytest.raises(KeyError):
                async with Lease(redis, A, LONG_S):
                    raise KeyError
        assert written(redis_server) == {}

    asyncio.run(scenario())


def test_a_lease_that_is_cancelled_is_taken_back(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async def hold() -> None:
            async with connected(redis_server) as redis, Lease(redis, A, LONG_S):
                await asyncio.Event().wait()

        async with asyncio.TaskGroup() as group:
            holding = group.create_task(hold())
            await until(lambda: bool(written(redis_server)))
            holding.cancel()
        assert written(redis_server) == {}

    asyncio.run(scenario())


def test_a_lease_that_can_not_be_taken_back_ends_by_itself_and_says_so(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        with capture_logs() as logs:
            async with connected(redis_server) as redis, Lease(redis, A, LONG_S):
                redis_server.stop()
        assert [(line["event"], line["ends_in_s"]) for line in logs] == [("lease not taken back", LONG_S)]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "worker", [Announced(url="http://me:hidden@a:1"), Announced(url="a"), Announced(url="http://a", name="b c")]
)
def test_a_worker_that_nobody_would_accept_is_refused(redis_server: RedisServer, worker: Announced) -> None:
    async def scenario() -> None:
        async with connected(redis_server) as redis:
            with pytest.raises(ValueError):  # noqa: PT011 - each has a reason of its own
                Lease(redis, worker)

    asyncio.run(scenario())


def test_models_that_are_too_many_to_write_down_are_left_out(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async with connected(redis_server) as redis, Lease(redis, A, models=["m" * 100] * 100):
            assert [json.loads(value)["models"] for value in written(redis_server).values()] == [[]]

    asyncio.run(scenario())


@pytest.mark.parametrize("url", ["", "http://a", "redis://", "redis://a:port", "a:6379"])
def test_what_is_no_address_of_a_redis_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="no address of a Redis"):
        connect(url)
