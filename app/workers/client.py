"""The seam to the network: two methods, and the one place where aiohttp's errors become ours."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol, Self

import aiohttp

from app.errors import (
    WorkerCutError,
    WorkerGarbageError,
    WorkerStalledError,
    WorkerStatusError,
    WorkerUnreachableError,
)
from app.workers.refusal import describe_refusal

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    from app.errors import CandidateError

MAX_ERROR_BODY = 64 * 1024
MAX_FETCH_BODY = 4 * 1024 * 1024
OK = 200


class Client(Protocol):
    """How workers are spoken to; the only thing to replace in order to use another HTTP library."""

    def stream(self, url: str, body: bytes) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """POST JSON and yield the response's bytes in whatever pieces arrive; leaving the context ends the request.

        Raises the subclasses of `CandidateError` that `app.errors` lists.
        """
        ...

    async def fetch(self, url: str, *, timeout_s: float) -> bytes:
        """GET a small document; any status but 200 is a `WorkerStatusError`."""
        ...


class AioHttpClient:
    """`Client` over one aiohttp session.

    `idle_s` is the longest silence between two pieces of a response; there's no limit on the whole, which is the
    run's deadline to set. The number of connections is not limited here either: admission limits candidates.
    """

    def __init__(self, *, connect_s: float, idle_s: float, api_key: str | None = None) -> None:
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_s, sock_read=idle_s)
        self._headers = {"Content-Type": "application/json"}
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=60),
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

    @asynccontextmanager
    async def stream(self, url: str, body: bytes) -> AsyncGenerator[AsyncIterator[bytes]]:
        """POST `body`; a connection that the worker had closed in the meantime is replaced once."""
        async with self._post(url, body) as response:
            if response.status != OK:
                text = await self._read(response, MAX_ERROR_BODY)
                raise describe_refusal(response.status, text)
            yield self._pieces(response)

    async def fetch(self, url: str, *, timeout_s: float) -> bytes:
        """GET `url` within `timeout_s`."""
        timeout = aiohttp.ClientTimeout(total=timeout_s)
        try:
            async with self._opened().get(url, timeout=timeout, allow_redirects=False) as response:
                body = await self._read(response, MAX_FETCH_BODY)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise translated(error) from error
        if response.status != OK:
            raise WorkerStatusError(f"answered with status {response.status}", worker_status=response.status)
        return body

    @asynccontextmanager
    async def _post(self, url: str, body: bytes) -> AsyncGenerator[aiohttp.ClientResponse]:
        try:
            response = await self._opened().post(url, data=body, allow_redirects=False)
        except aiohttp.ServerDisconnectedError:
            response = await self._post_afresh(url, body)
        except (aiohttp.ClientError, OSError) as error:
            raise translated(error) from error
        async with response:
            yield response

    async def _post_afresh(self, url: str, body: bytes) -> aiohttp.ClientResponse:
        """Try once more: servers close idle connections, and a pooled one may be met at that very moment."""
        try:
            return await self._opened().post(url, data=body, allow_redirects=False)
        except (aiohttp.ClientError, OSError) as error:
            raise translated(error) from error

    @staticmethod
    async def _pieces(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        try:
            async for piece in response.content.iter_any():
                yield piece
        except (aiohttp.ClientError, OSError) as error:
            raise translated(error) from error

    @staticmethod
    async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
        """Return at most `limit` bytes of the body."""
        body = bytearray()
        try:
            async for piece in response.content.iter_any():
                body += piece
                if len(body) >= limit:
                    break
        except (aiohttp.ClientError, OSError) as error:
            raise translated(error) from error
        return bytes(body[:limit])

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("the client is used outside its context")
        return self._session


def translated(error: Exception) -> CandidateError:
    """Return our error for one of aiohttp's; the worker's address stays out of the message."""
    if isinstance(error, (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError, aiohttp.InvalidURL)):
        return WorkerUnreachableError("no connection to the worker")
    if isinstance(error, TimeoutError):
        return WorkerStalledError("the worker sent nothing for longer than the idle time-out")
    if isinstance(error, aiohttp.ClientResponseError):
        return WorkerGarbageError("the worker's answer is not HTTP")
    return WorkerCutError("the worker broke off before the end of its answer")
