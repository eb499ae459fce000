"""The scripted upstream in a thread of its own, for tests without an event loop."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

    from tests.scripted.upstream import Upstream

T = TypeVar("T")


class Hosted:
    """An upstream that runs in another thread. Its attributes may be read at any time, and assigned."""

    def __init__(self, upstream: Upstream, loop: asyncio.AbstractEventLoop) -> None:
        self.upstream = upstream
        self._loop = loop

    @property
    def url(self) -> str:
        """The address, without a path."""
        return self.upstream.url

    def wait_until(self, predicate: Callable[[Upstream], bool], timeout_s: float = 10.0) -> None:
        """Block until `predicate` holds; raises `TimeoutError` where it doesn't in time."""
        self._run(self.upstream.wait_until(predicate, timeout_s))

    def stop(self) -> None:
        """Stop listening and drop every connection."""
        self._run(self.upstream.stop())

    def start(self) -> None:
        """Listen again on the same port."""
        self._run(self.upstream.start())

    def _run(self, coroutine: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


@contextmanager
def hosted(upstream: Upstream) -> Generator[Hosted]:
    """Run `upstream` in a thread while the block lasts; a failure of its script is raised at the end."""
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        thread = threading.Thread(target=loop.run_forever, name="scripted-upstream")
        thread.start()
        try:
            asyncio.run_coroutine_threadsafe(upstream.start(), loop).result()
            yield Hosted(upstream, loop)
        finally:
            try:
                asyncio.run_coroutine_threadsafe(upstream.__aexit__(), loop).result()
            finally:
                loop.call_soon_threadsafe(loop.stop)
                thread.join()
