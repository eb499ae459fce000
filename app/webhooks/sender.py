"""Sends webhooks, over aiohttp.

aiohttp, and not the client that serves elsewhere off the hot path, because it lets the sockets be made here: the
address that is judged is then the one that is connected to, whatever the name has meant before or will mean next.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections import defaultdict
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Self, TypeAlias
from uuid import uuid4

import aiohttp

from app.errors import WebhookError
from app.webhooks.base import MAX_ANSWER_BYTES
from app.webhooks.signing import signed

if TYPE_CHECKING:
    from types import TracebackType

    from aiohttp.abc import AbstractResolver

    from app.webhooks.allowed import AllowedHosts
    from app.webhooks.base import Delivery
    from app.webhooks.target import Target

    AddressInfo: TypeAlias = tuple[int, int, int, str, tuple[Any, ...]]
    """What `getaddrinfo` says of one address: family, kind, protocol, its host's name, and host, port and more."""

CONNECTIONS_A_HOST = 64
"""The most at the same time, so that no host has to be afraid of us, nor anybody of another's slow one."""

RETRY_S = 0.25
"""Seconds between the two tries."""

OK, REDIRECTS, TOO_MANY, SERVER_ERRORS = 200, range(300, 400), 429, 500


class ForbiddenAddressError(OSError):
    """A host is at an address to which nothing is sent."""


class AioHttpWebhooks:
    """Implements `app.webhooks.base.Webhooks`.

    Each try has a connection of its own, over no proxy, follows no redirect and bears no cookie. `timeout_s` is the
    most that a try may take, whatever a caller asks for; its wait for one of the host's connections is no part of that,
    as it isn't the receiver's slowness. `resolver` finds addresses by name; the system's, by default.
    """

    def __init__(
        self, hosts: AllowedHosts, *, secret: str, timeout_s: float, resolver: AbstractResolver | None = None
    ) -> None:
        self._hosts = hosts
        self._secret = secret.encode()
        self._timeout_s = timeout_s
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None
        self._turns = defaultdict[tuple[str, int], asyncio.Semaphore](lambda: asyncio.Semaphore(CONNECTIONS_A_HOST))

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=self._resolver,
                use_dns_cache=False,
                force_close=True,
                limit=0,  # each has had its turn by then
                socket_factory=self._socket,
            ),
            timeout=aiohttp.ClientTimeout(total=None),
            headers={"Content-Type": "application/json", "User-Agent": "Quorum"},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("Accept-Encoding",),
            trust_env=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._opened().close()

    def check(self, url: str) -> None:
        """Make sure that the operator allows the host of `url`; where its name leads is seen when it is asked."""
        self._hosts.check(url)

    async def deliver(self, delivery: Delivery) -> bytes:
        """Return the answer to `delivery`; tried again once where no connection came about, or on a 429 or 5xx."""
        target, name = self._hosts.check(delivery.url), uuid4().hex
        try:
            return await self._tried(target, delivery, name)
        except WebhookError as error:
            if not error.passing or asyncio.get_running_loop().time() + RETRY_S >= delivery.until:
                raise
        await asyncio.sleep(RETRY_S)
        return await self._tried(target, delivery, name)

    async def _tried(self, target: Target, delivery: Delivery, name: str) -> bytes:
        turn = self._turns[target.host, target.port]
        try:
            async with asyncio.timeout_at(delivery.until):
                await turn.acquire()
        except TimeoutError as error:
            raise WebhookError("there was no time left to wait for a connection to the webhook's host") from error
        try:
            return await self._timed(target, delivery, name)
        finally:
            turn.release()

    async def _timed(self, target: Target, delivery: Delivery, name: str) -> bytes:
        limit_s = min(delivery.timeout_s, self._timeout_s)
        try:
            async with asyncio.timeout_at(min(delivery.until, asyncio.get_running_loop().time() + limit_s)):
                return await self._posted(target, delivery.body, name)
        except TimeoutError as error:
            raise WebhookError(f"the webhook didn't answer within {limit_s:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, ForbiddenAddressError):
                raise WebhookError(str(error.os_error)) from error
            raise WebhookError("the connection to the webhook failed", passing=True) from error

    async def _posted(self, target: Target, body: bytes, name: str) -> bytes:
        headers = signed(self._secret, body, at=time.time(), delivery=name)
        async with self._opened().post(target.url, data=body, headers=headers, allow_redirects=False) as response:
            if response.status != OK:
                raise _refused(response.status)
            answer = bytearray()
            async for piece in response.content.iter_any():
                answer += piece
                if len(answer) > MAX_ANSWER_BYTES:
                    raise WebhookError(f"the webhook's answer is longer than {MAX_ANSWER_BYTES} bytes")
        return bytes(answer)

    def _socket(self, info: AddressInfo) -> socket.socket:
        """Return a socket for an address that may be connected to: the last thing done before it is."""
        family, kind, protocol, _, address = info
        if not self._hosts.reaches(ip_address(address[0]), address[1]):
            raise ForbiddenAddressError("the webhook's host is at an address to which this server sends nothing")
        return socket.socket(family, kind, protocol)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("the webhooks are used outside their context")
        return self._session


def _refused(status: int) -> WebhookError:
    """Return the error for an answer of a status but 200; what else it says is nothing to show."""
    more = "; redirects are not followed" if status in REDIRECTS else ""
    return WebhookError(
        f"the webhook answered with status {status}{more}", passing=status == TOO_MANY or status >= SERVER_ERRORS
    )
