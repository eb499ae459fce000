from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from app.store.memory import MemoryRunStore

PUTS = st.lists(st.tuples(st.sampled_from("abcdef"), st.binary(max_size=12)), max_size=30)


def kept(store: MemoryRunStore) -> dict[str, bytes]:
    async def look() -> dict[str, bytes]:
        found = {name: await store.get(name) for name in "abcdef"}
        return {name: record for name, record in found.items() if record is not None}

    return asyncio.run(look())


def fill(store: MemoryRunStore, puts: list[tuple[str, bytes]]) -> None:
    async def put() -> None:
        for name, record in puts:
            await store.put(name, record)

    asyncio.run(put())


@given(PUTS, st.integers(0, 4), st.integers(0, 30))
def test_the_most_recent_runs_are_kept_within_both_bounds(
    puts: list[tuple[str, bytes]], keep: int, max_bytes: int
) -> None:
    store = MemoryRunStore(keep=keep, max_bytes=max_bytes)
    fill(store, puts)
    found = kept(store)
    latest = dict(puts)
    order = list(dict.fromkeys(name for name, _ in reversed(puts)))
    assert len(found) <= keep
    assert sum(map(len, found.values())) <= max_bytes
    assert all(latest[name] == record for name, record in found.items())
    assert set(found) == set(order[: len(found)])


def test_a_run_that_is_larger_than_the_whole_store_is_not_kept() -> None:
    store = MemoryRunStore(keep=9, max_bytes=4)
    fill(store, [("a", b"12345")])
    assert kept(store) == {}
    fill(store, [("b", b"1234")])
    assert kept(store) == {"b": b"1234"}


def test_a_run_that_is_put_again_replaces_itself() -> None:
    store = MemoryRunStore(keep=2, max_bytes=10)
    fill(store, [("a", b"1"), ("b", b"2"), ("a", b"33"), ("c", b"4")])
    assert kept(store) == {"a": b"33", "c": b"4"}


def test_a_run_that_is_not_there_is_none() -> None:
    assert kept(MemoryRunStore(keep=1, max_bytes=1)) == {}
