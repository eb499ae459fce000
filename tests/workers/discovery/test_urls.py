from __future__ import annotations

import asyncio

from app.workers.discovery.base import Announced
from app.workers.discovery.urls import Urls
from tests.workers.discovery.watching import watching

A, B = Announced(url="http://a:1", name="a"), Announced(url="http://b:1")


def test_the_list_is_told_at_once_and_again_when_it_is_replaced() -> None:
    async def scenario() -> None:
        urls = Urls([A])
        async with watching(urls) as watched:
            assert watched.said == [(A,)]
            urls.replace([B, A])
            await watched.until(lambda it: len(it.said) == 2)
            urls.replace([])
            await watched.until(lambda it: len(it.said) == 3)
        assert watched.said == [(A,), (B, A), ()]

    asyncio.run(scenario())


def test_a_list_that_is_replaced_by_its_like_is_not_told_again() -> None:
    async def scenario() -> None:
        urls = Urls([A])
        async with watching(urls) as watched:
            urls.replace([A])
            urls.replace([B])
            await watched.until(lambda it: it.urls == [B.url])
        assert watched.said == [(A,), (B,)]

    asyncio.run(scenario())
