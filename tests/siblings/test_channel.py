from __future__ import annotations

import asyncio
import stat
from typing import TYPE_CHECKING

from app.siblings.channel import Channel
from app.siblings.place import Place
from app.store.layered import LayeredRunStore
from app.store.memory import MemoryRunStore
from app.store.siblings import QUESTION, SiblingRunStore

if TYPE_CHECKING:
    from pathlib import Path


def channels(directory: Path, count: int = 3) -> list[Channel]:
    return [Channel(Place(index=index, count=count, directory=directory), answer_s=0.5) for index in range(count)]


async def echo(text: str) -> bytes | None:
    await asyncio.sleep(0)
    return text.encode() if text else None


async def hang(_text: str) -> bytes | None:
    await asyncio.Event().wait()
    return None


async def fail(_text: str) -> bytes | None:
    await asyncio.sleep(0)
    raise ValueError


def test_all_siblings_are_asked_and_one_may_know_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        one, two, three = channels(tmp_path)
        async with two.answering({"word": echo}), three.answering({"word": echo}):
            assert await one.ask("word", "a b&c=ü") == {1: "a b&c=ü".encode(), 2: "a b&c=ü".encode()}
            assert await one.ask("word") == {1: None, 2: None}

    asyncio.run(scenario())


def test_a_sibling_that_is_gone_hangs_or_fails_is_left_out(tmp_path: Path) -> None:
    async def scenario() -> None:
        one, two, three, four, _ = channels(tmp_path, 5)
        async with two.answering({"word": echo}), three.answering({"word": hang}), four.answering({"word": fail}):
            assert await one.ask("word", "x") == {1: b"x"}

    asyncio.run(scenario())


def test_a_sibling_that_has_started_anew_answers_where_the_one_before_did(tmp_path: Path) -> None:
    async def scenario() -> None:
        one, two = channels(tmp_path, 2)
        place = two.place
        place.socket(1).touch()
        async with two.answering({"word": echo}):
            assert stat.S_ISSOCK(place.socket(1).stat().st_mode)
            assert await one.ask("word", "x") == {1: b"x"}
        assert await one.ask("word", "x") == {}

    asyncio.run(scenario())


def test_a_run_is_found_in_the_process_that_keeps_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        one, two = channels(tmp_path, 2)
        there = MemoryRunStore(keep=9, max_bytes=99)
        here = LayeredRunStore(MemoryRunStore(keep=9, max_bytes=99), SiblingRunStore(one))
        await there.put("run_there", b"{}")
        await here.put("run_here", b"[]")
        async with two.answering({QUESTION: there.get}):
            assert await here.get("run_there") == b"{}"
            assert await here.get("run_here") == b"[]"
            assert await here.get("run_none") is None
            assert await here.get("x" * 10_000) is None
        assert await here.get("run_there") is None

    asyncio.run(scenario())
