"""Work that is done side by side, and work that is done beside something else."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable

T = TypeVar("T")


async def side_by_side(works: Iterable[Callable[[], Awaitable[T]]]) -> list[T]:
    """Return what `works` return, in their order; the first error among them calls the others off, and is raised.

    Python 3.11's `TaskGroup` loses a cancellation that meets an error, and counts one that there wasn't. So no error
    gets as far as the group here, and a cancellation is always the one that is raised.
    """
    failed: list[Exception] = []

    async def done(work: Callable[[], Awaitable[T]]) -> T:
        try:
            return await work()
        except Exception as error:
            failed.append(error)
            for task in tasks:
                task.cancel()
            raise asyncio.CancelledError from error

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(done(work)) for work in works]
    if failed:
        raise failed[0]
    return [task.result() for task in tasks]


@asynccontextmanager
async def meanwhile(work: Coroutine[object, object, None]) -> AsyncGenerator[None]:
    """Do `work` for as long as the context lasts, and cancel it then; an error of its ends the context."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        try:
            yield
        finally:
            task.cancel()
