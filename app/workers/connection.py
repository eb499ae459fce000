"""One connection to a worker: as small a client of HTTP/1.1 as streaming completions lets it be."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self, cast

from app.errors import CandidateError, WorkerStalledError
from app.workers.response import Response, cut

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_WAITING = 128 * 1024
"""Bytes of a body that may wait for whoever reads it; beyond that the worker is held up."""

PART = 1024 * 1024
"""Bytes of a request that are written at once: more, where they are encrypted, would hold up the event loop."""

KEPT_S = 15.0
"""Seconds that a connection is kept without a request."""


class Connection(asyncio.Protocol):
    """Sends one request at a time and receives its response: the status first, then the body, by iterating.

    `idle_s` is the longest silence while a response is awaited, in seconds; how long a reader takes doesn't count.
    `lost` is told when the connection is no longer open. `kept` tells that it has served before.
    """

    def __init__(self, *, idle_s: float, lost: Callable[[Connection], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._idle_s = idle_s
        self._look_s = min(idle_s, KEPT_S)
        self._lost = lost
        self._response = Response()
        self._waiter: asyncio.Future[None] | None = None
        self._problem: tuple[type[CandidateError], str] | None = None
        self._asked = False
        self._paused = False
        self.kept = False

    async def ask(self, request: bytes) -> int:
        """Send a request and return the status of its response.

        Raises `WorkerCutError`, `WorkerStalledError` and `WorkerGarbageError`, as iterating does.
        """
        self._response.begin()
        self._asked = True
        self._since = self._loop.time()
        self._transport.write(request[:PART])
        for start in range(PART, len(request), PART):
            await asyncio.sleep(0)
            if self._problem is not None:
                break
            self._transport.write(request[start : start + PART])
        while not self._response.status:
            await self._news()
        return self._response.status

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """Return what has arrived of the body since the last time, once there is any."""
        response = self._response
        while not response.pieces:
            if response.ended:
                raise StopAsyncIteration
            await self._news()
        if self._paused:
            self._resume()
        return response.take()

    @property
    def ended(self) -> bool:
        """Whether the response has come to its end."""
        return self._response.ended

    def release(self) -> bool:
        """Return whether another request may follow: the response is whole, and the worker keeps the connection."""
        self._asked = False
        self._since = self._loop.time()
        whole = self._response.ended and self._response.lasts and not self._paused
        self.kept = whole and self._problem is None and not self._transport.get_write_buffer_size()
        return self.kept

    def close(self) -> None:
        """Close the connection at once, whatever is under way."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._since = self._loop.time()
        self._alarm = self._loop.call_later(self._look_s, self._look)

    def data_received(self, data: bytes) -> None:
        """Take in what has arrived; what nobody has asked for is a farewell."""
        if not self._asked:
            self.close()
            return
        self._since = self._loop.time()
        try:
            self._response.feed(data)
        except CandidateError as problem:
            self._fail(problem)
            return
        if self._response.size > MAX_WAITING and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._alarm.cancel()
        self._response.close(cleanly=exc is None)
        self._fail(cut())
        self._lost(self)

    async def _news(self) -> None:
        """Wait until something has arrived; raise what has gone wrong where nothing has."""
        if self._problem is None:
            self._waiter = self._loop.create_future()
            await self._waiter
        if self._problem is not None and not (self._response.pieces or self._response.ended):
            kind, message = self._problem
            raise kind(message)  # anew: an error that is kept holds all that it went through, and this in turn

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, problem: CandidateError) -> None:
        """Close the connection for the first problem that there is."""
        if self._problem is None:
            self._problem = type(problem), problem.message
            self.close()
        self._wake()

    def _resume(self) -> None:
        self._paused = False
        self._since = self._loop.time()
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _look(self) -> None:
        """See whether the worker has been silent for too long, or nobody has asked it for anything.

        Looked at no more seldom than either may last, so that no request needs a timer of its own.
        """
        limit = self._idle_s if self._asked else KEPT_S
        left = limit if self._paused else limit - (self._loop.time() - self._since)
        if left > 0:
            self._alarm = self._loop.call_later(min(left, self._look_s), self._look)
        elif self._asked:
            self._fail(WorkerStalledError("the worker sent nothing for longer than the idle time-out"))
        else:
            self.close()
