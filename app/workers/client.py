"""The seam to the network: two methods, and the one place where aiohttp's errors become ours."""

from __future__ import annotations

import asyncio
import contextlib
import io
from typing import TYPE_CHECKING, Protocol, Self

import aiohttp

from app.errors import (
    WorkerCutError,
    WorkerGarbageError,
    WorkerStalledError,
    WorkerStatusError,
    WorkerUnreachableError,
)
from app.workers.connection import Connector
from app.workers.discovery.lookup import resolve as system_resolve
from app.workers.refusal import describe_refusal
from app.workers.resolver import Resolver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    from app.errors import CandidateError

MAX_ERROR_BODY = 64 * 1024
MAX_FETCH_BODY = 4 * 1024 * 1024
LARGE_BODY = 1024 * 1024
"""Bytes from which a body is sent in parts, so that it doesn't hold up the event loop."""

END_GRACE_S = 0.1
"""Seconds that a response's end may take after all that is wanted of it has come; then its connection is given up."""

OK = 200


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


class AioHttpClient:
    """`Client` over one aiohttp session.

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
        self._resolve = resolve
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_s, sock_read=idle_s)
        self._headers = {"Content-Type": "application/json"}
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=Connector(Resolver(self._resolve)),
            timeout=self._timeout,
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept-Encoding"),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._opened().close()

    def stream(self, url: str, body: bytes) -> Exchange:
        """POST `body`; a connection that the worker had closed in the meantime is replaced once."""
        return Exchange(self._opened(), url, body)

    async def fetch(self, url: str, *, timeout_s: float) -> bytes:
        """GET `url` within `timeout_s`."""
        timeout = aiohttp.ClientTimeout(total=timeout_s)
        try:
            async with self._opened().get(url, timeout=timeout, allow_redirects=False) as response:
                body = await read_at_most(response, MAX_FETCH_BODY)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise translated(error) from error
        if response.status != OK:
            raise WorkerStatusError(f"answered with status {response.status}", worker_status=response.status)
        return body

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("the client is used outside its context")
        return self._session


class Exchange:
    """One streamed POST, as a context: gives the response's pieces, and ends the request when it is left early.

    Left without an error, it gives the response a moment to come to its end, so that its connection can serve again.
    Written out, not a generator: it is entered once a candidate, and a generator would cost it twice the time.
    """

    __slots__ = ("_body", "_response", "_session", "_url")

    def __init__(self, session: aiohttp.ClientSession, url: str, body: bytes) -> None:
        self._session = session
        self._url = url
        self._body = body
        self._response: aiohttp.ClientResponse | None = None

    async def __aenter__(self) -> AsyncIterator[bytes]:
        try:
            response = await self._post()
        except aiohttp.ClientConnectorError as error:
            raise translated(error) from error
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            response = await self._post_again()
        except (aiohttp.ClientError, OSError) as error:
            raise translated(error) from error
        self._response = response
        if response.status != OK:
            try:
                raise describe_refusal(response.status, await read_at_most(response, MAX_ERROR_BODY))
            finally:
                response.close()
        return Pieces(response)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        response = self._response
        if response is None:
            return
        try:
            if kind is None and not response.content.at_eof():
                await _end_of(response)
        finally:
            response.close()  # does nothing where the response has come to its end

    async def _post(self) -> aiohttp.ClientResponse:
        data = self._body if len(self._body) < LARGE_BODY else io.BytesIO(self._body)
        return await self._session.post(self._url, data=data, allow_redirects=False)

    async def _post_again(self) -> aiohttp.ClientResponse:
        """Try once more: servers close idle connections, and a pooled one may be met at that very moment."""
        try:
            return await self._post()
        except (aiohttp.ClientError, OSError) as error:
            raise translated(error) from error


class Pieces:
    """The body of a response as it arrives; unlike a generator, it can be left in the middle and needs no closing."""

    __slots__ = ("_content",)

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._content = response.content

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await self._content.readany()
        except (aiohttp.ClientError, OSError) as error:
            raise translated(error) from error
        if not piece:
            raise StopAsyncIteration
        return piece


async def _end_of(response: aiohttp.ClientResponse) -> None:
    """Wait for the end of a response of which nothing more is wanted; whatever else happens to it doesn't matter."""
    with contextlib.suppress(aiohttp.ClientError, OSError):
        async with asyncio.timeout(END_GRACE_S):
            await response.content.readany()


async def read_at_most(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Return the first `limit` bytes of the body."""
    body = bytearray()
    async for piece in Pieces(response):
        body += piece
        if len(body) >= limit:
            break
    return bytes(body[:limit])


def translated(error: Exception) -> CandidateError:
    """Return our error for one of aiohttp's; the worker's address stays out of the message."""
    if isinstance(error, (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError, aiohttp.InvalidURL)):
        return WorkerUnreachableError("no connection to the worker")
    if isinstance(error, TimeoutError):
        return WorkerStalledError("the worker sent nothing for longer than the idle time-out")
    if isinstance(error, aiohttp.ClientResponseError):
        return WorkerGarbageError("the worker's answer is not HTTP")
    return WorkerCutError("the worker broke off before the end of its answer")
