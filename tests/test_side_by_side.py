from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import pytest

from app.side_by_side import meanwhile, side_by_side

if TYPE_CHECKING:
    from collections.abc import Coroutine


async def later(value: int) -> int:
    await asyncio.sleep(0.001 * (3 - value))
    return value


async def fails(seconds: float = 0.0) -> int:
    await asyncio.sleep(seconds)
    raise KeyError("first" if not seconds else "second")


async def fails_when_cancelled() -> int:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        raise ValueError("closing failed") from None
    return 0


def test_results_come_in_order() -> None:
    assert asyncio.run(side_by_side(partial(later, value) for value in range(3))) == [0, 1, 2]


def test_the_first_error_is_raised_as_it_is_and_ends_the_others() -> None:
    async def scenario() -> None:
        with pytest.raises(KeyError, match="first"):
            await side_by_side([asyncio.Event().wait, fails, partial(fails, 5.0), fails_when_cancelled])
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0

    asyncio.run(scenario())


def test_a_cancellation_that_meets_an_error_is_not_lost() -> None:
    async def scenario() -> None:
        task = asyncio.create_task(side_by_side([fails_when_cancelled, fails_when_cancelled]))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())


def test_time_that_runs_out_while_work_fails_is_a_time_out() -> None:
    async def scenario() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await side_by_side([fails_when_cancelled])

    asyncio.run(scenario())


def test_what_is_done_meanwhile_ends_with_the_context_and_its_error_ends_the_context() -> None:
    ended: list[str] = []

    async def endless() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("endless")

    async def broken() -> None:
        raise ValueError("broken")

    async def scenario() -> None:
        async with meanwhile(endless()):
            await asyncio.sleep(0)
        assert ended == ["endless"]
        with pytest.raises(ExceptionGroup):
            await beside(broken())

    async def beside(work: Coroutine[object, object, None]) -> None:
        async with meanwhile(work):
            await asyncio.sleep(60)

    asyncio.run(scenario())
