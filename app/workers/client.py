"""The seam to the network: two methods."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Protocol, Self

from app.errors import CandidateError, WorkerCutError, WorkerStalledError, WorkerStatusError
from app.workers.connections import Connections, place_of
from app.workers.discovery.lookup import resolve as system_resolve
from app.workers.refusal import describe_refusal
from app.workers.resolver import Resolver
from app.workers.response import OK
from app.workers.unreachable import why_no_document

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    from app.workers.connection import Connection
    from app.workers.connections import Server

MAX_ERROR_BODY = 64 * 1024
MAX_FETCH_BODY = 4 * 1024 * 1024

END_GRACE_S = 0.1
"""Seconds that a response's end may take after all that is wanted of it has come; then its connection is given up."""


class Client(Protocol):
    """How workers are spoken to; the only thing to replace in order to use another HTTP library."""

    def stream(self, url: str, body: bytes) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """POST JSON and yield the response's bytes in whatever pieces arrive; leaving the context ends the request.

        Leaving it without an error says that all that is wanted has come: the connection may then be kept.

        Raises the subclasses of `CandidateError` that `app.errors` lists.
        """
        ...

    async def fetch(self, url: str, *, timeout_s: float) -> bytes:
        """GET a small document; any status but 200 is a `WorkerStatusError`."""
        ...


class HttpClient:
    """`Client` over HTTP/1.1.

    `idle_s` is the longest silence between two pieces of a response; there's no limit on the whole, which is the
    run's deadline to set. The number of connections is not limited here either: a request has at most as many as it
    draws candidates, which `limits.max_candidates` bounds, and those of `app.side_calls.AT_ONCE`. `resolve` returns a
    host name's addresses.
    """

    def __init__(
        self,
        *,
        connect_s: float,
        idle_s: float,
        api_key: str | None = None,
        resolve: Callable[[str], Sequence[str]] = system_resolve,
    ) -> None:
        if api_key and not api_key.isprintable():
            raise ValueError("the key for workers holds a character that no header may")
        self._headers = b"Accept: */*\r\nContent-Type: application/json\r\n"
        if api_key:
            self._headers += b"Authorization: Bearer %b\r\n" % api_key.encode()
        self._connections = Connections(connect_s=connect_s, idle_s=idle_s, resolver=Resolver(resolve))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._connections.close()

    def stream(self, url: str, body: bytes) -> Exchange:
        """POST `body`; a connection that the worker had closed in the meantime is replaced once."""
        return self._exchange(b"POST", url, body)

    async def fetch(self, url: str, *, timeout_s: float) -> bytes:
        """GET `url` within `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s), self._exchange(b"GET", url) as pieces:
                return await read_at_most(pieces, MAX_FETCH_BODY)
        except TimeoutError as error:
            raise WorkerStalledError(f"the worker took longer than {timeout_s:g} s") from error
        except WorkerStatusError as error:
            status = error.worker_status
            raise WorkerStatusError(why_no_document(status, url), worker_status=status) from error

    def _exchange(self, method: bytes, url: str, body: bytes = b"") -> Exchange:
        place = place_of(url)
        length = b"Content-Length: %d\r\n" % len(body) if body else b""
        head = b"%b %b HTTP/1.1\r\nHost: %b\r\n%b%b\r\n" % (method, place.path, place.host, self._headers, length)
        return Exchange(self._connections, place.server, head + body)


class Exchange:
    """One request and its response, as a context: gives the response's pieces, and ends the request when left early.

    Left without an error, it gives the response a moment to come to its end, so that its connection can serve again.
    Written out, not a generator: it is entered once a candidate, and a generator would cost it twice the time.
    """

    __slots__ = ("_connection", "_connections", "_request", "_server")

    def __init__(self, connections: Connections, server: Server, request: bytes) -> None:
        self._connections = connections
        self._server = server
        self._request = request

    async def __aenter__(self) -> AsyncIterator[bytes]:
        try:
            status = await self._ask()
        except WorkerCutError:  # servers close idle connections, and a kept one may be met at that very moment
            if not self._connection.kept:
                raise
            status = await self._ask(anew=True)  # as what has become of one may have become of all
        if status != OK:
            try:
                raise describe_refusal(status, await read_at_most(self._connection, MAX_ERROR_BODY))
            finally:
                self._connections.take_back(self._server, self._connection)
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if kind is None and not self._connection.ended:
                await _end_of(self._connection)
        finally:
            self._connections.take_back(self._server, self._connection)

    async def _ask(self, *, anew: bool = False) -> int:
        """Send the request on a connection, a kept one or `anew`, and return the response's status."""
        self._connection = await self._connections.take(self._server, anew=anew)
        try:
            return await self._connection.ask(self._request)
        except BaseException:
            self._connection.close()
            raise


async def _end_of(connection: Connection) -> None:
    """Wait for the end of a response of which nothing more is wanted; whatever else happens to it doesn't matter."""
    with contextlib.suppress(CandidateError, TimeoutError):
        async with asyncio.timeout(END_GRACE_S):
            async for _ in connection:
                pass


async def read_at_most(pieces: AsyncIterator[bytes], limit: int) -> bytes:
    """Return the first `limit` bytes of a body."""
    body = bytearray()
    async for piece in pieces:
        body += piece
        if len(body) >= limit:
            break
    return bytes(body[:limit])
