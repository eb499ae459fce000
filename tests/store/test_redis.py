from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

import pytest

from app.redis_client import connect
from app.store.redis import FORGET_S, WAITING, RedisRunStore

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tests.redis_server import RedisServer

KEYS = ["quorum:runs", "quorum:runs:bytes", "quorum:runs:order"]


@asynccontextmanager
async def storing(server: RedisServer, *, keep: int = 3, max_bytes: int = 100) -> AsyncGenerator[RedisRunStore]:
    redis = connect(server.url)
    store = RedisRunStore(redis, prefix="quorum", keep=keep, max_bytes=max_bytes)
    try:
        async with store.writing():
            yield store
    finally:
        await redis.aclose()


async def fill(server: RedisServer, *puts: tuple[str, bytes], keep: int = 3, max_bytes: int = 100) -> None:
    async with storing(server, keep=keep, max_bytes=max_bytes) as store:
        for run_id, record in puts:
            await store.put(run_id, record)


async def kept(server: RedisServer) -> dict[str, bytes]:
    """Return what another gateway finds."""
    async with storing(server) as store:
        found = {name: await store.get(name) for name in "abcdef"}
        return {name: record for name, record in found.items() if record is not None}


def test_the_most_recent_runs_of_all_gateways_are_kept(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        await fill(redis_server, ("a", b"1"), ("b", b"2"))
        await fill(redis_server, ("c", b"3"), ("d", b"4"))
        assert await kept(redis_server) == {"b": b"2", "c": b"3", "d": b"4"}

    asyncio.run(scenario())


def test_runs_are_bounded_by_their_bytes_too(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        await fill(redis_server, ("a", b"x" * 50), ("b", b"y" * 40), ("c", b"z" * 30), ("d", b"w" * 101))
        assert await kept(redis_server) == {"b": b"y" * 40, "c": b"z" * 30}
        assert cast("bytes", redis_server.client.get("quorum:runs:bytes")) == b"70"

    asyncio.run(scenario())


def test_a_run_that_is_put_again_replaces_itself(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        await fill(redis_server, ("a", b"1"), ("a", b"22"), ("b", b"3"))
        assert await kept(redis_server) == {"a": b"22", "b": b"3"}
        assert cast("bytes", redis_server.client.get("quorum:runs:bytes")) == b"3"

    asyncio.run(scenario())


def test_all_is_forgotten_when_no_run_comes_for_long(redis_server: RedisServer) -> None:
    asyncio.run(fill(redis_server, ("a", b"1")))
    assert redis_server.keys("*") == KEYS
    assert all(0 < redis_server.client.ttl(key) <= FORGET_S for key in KEYS)


@pytest.mark.parametrize("evicted", KEYS)
def test_a_redis_that_has_dropped_a_part_starts_anew(redis_server: RedisServer, evicted: str) -> None:
    async def scenario() -> None:
        await fill(redis_server, ("a", b"1"), ("b", b"2"))
        redis_server.client.delete(evicted)
        await fill(redis_server, ("c", b"3"))
        assert await kept(redis_server) == {"c": b"3"}

    asyncio.run(scenario())


def test_none_is_kept_where_none_is_to_be(redis_server: RedisServer) -> None:
    asyncio.run(fill(redis_server, ("a", b"1"), keep=0))
    assert redis_server.keys("*") == []


def test_a_redis_that_is_down_loses_runs_and_nothing_else(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async with storing(redis_server) as store:
            redis_server.stop()
            await store.put("a", b"1")
            assert await store.get("a") is None
            assert store.use.failures
            redis_server.start()
            await store.put("b", b"2")
            async with asyncio.timeout(30):
                while await store.get("b") is None:  # noqa: ASYNC110 - Redis sets no event
                    await asyncio.sleep(0.02)
            assert store.use.up

    asyncio.run(scenario())


def test_putting_waits_for_nobody_and_what_is_too_much_is_lost(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async with storing(redis_server) as store:
            redis_server.freeze()
            for number in range(WAITING + 2):
                await store.put(str(number), b"1")
            assert store.use.failures >= 1
            redis_server.thaw()

    asyncio.run(scenario())
