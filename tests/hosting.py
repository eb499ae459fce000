"""Asynchronous contexts for tests that aren't asynchronous."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from contextlib import AbstractAsyncContextManager

T = TypeVar("T")


@contextmanager
def running(open_: Callable[[], AbstractAsyncContextManager[T]]) -> Generator[T]:
    """Hold an asynchronous context open on an event loop of its own."""
    started: Future[T] = Future()
    ended = threading.Event()

    async def main() -> None:
        async with open_() as opened:
            started.set_result(opened)
            await asyncio.to_thread(ended.wait)

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    try:
        yield started.result(timeout=60)
    finally:
        ended.set()
        thread.join()
