"""The connections to workers: opened where there is none to spare, and kept for the next request."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ssl
from functools import lru_cache, partial
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

import msgspec

from app.errors import NoConnectionLeftError, WorkerUnreachableError
from app.workers.connection import Connection
from app.workers.unreachable import why_no_connection

if TYPE_CHECKING:
    from app.workers.resolver import Resolver

OWN_LIMITS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""What the system says where this machine, or process, has no room for another connection."""

Server: TypeAlias = tuple[str, int, bool]
"""What connections are told apart by: a host, its port, and whether they are encrypted."""


MOST_TRIED = 3
"""Addresses of a name that are tried for one connection."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a URL leads: to a server, and there to a path; `host` is what the request's header of that name says."""

    server: Server
    host: bytes
    path: bytes


@lru_cache(maxsize=4_096)
def place_of(url: str) -> Place:
    """Return where `url`, whose beginning `app.workers.discovery.address` has approved of, leads."""
    parts = urlsplit(url)
    encrypted = parts.scheme == "https"
    return Place(
        server=(parts.hostname or "", parts.port or (443 if encrypted else 80), encrypted),
        host=parts.netloc.encode(),
        path=(parts.path or "/").encode(),
    )


class Connections:
    """Hands out connections, each to one request at a time; those that come back last go out first.

    A connection may take `connect_s` seconds to open, its encryption included, once the addresses of its name are
    known, which share them.
    """

    def __init__(self, *, connect_s: float, idle_s: float, resolver: Resolver) -> None:
        self._connect_s = connect_s
        self._resolver = resolver
        self._idle_s = idle_s
        self._spare: dict[Server, dict[Connection, None]] = {}
        self._encryption: ssl.SSLContext | None = None
        self._good: dict[str, str] = {}

    async def take(self, server: Server, *, anew: bool = False) -> Connection:
        """Return a connection that is open, as far as one can know, or `anew`. Raises `WorkerUnreachableError`."""
        if not anew and (spare := self._spare.get(server)):
            return spare.popitem()[0]
        try:
            return await self._open(server)
        except (OSError, UnicodeError) as error:  # the latter of names that can't be; a time-out is one of the others
            if isinstance(error, OSError) and error.errno in OWN_LIMITS:
                message = f"the gateway can open no more connections: {why_no_connection(error)}"
                raise NoConnectionLeftError(message) from error
            self._resolver.doubt(server[0])
            reason = why_no_connection(error, encrypted=server[2])
            raise WorkerUnreachableError(f"no connection to the worker: {reason}") from error

    def take_back(self, server: Server, connection: Connection) -> None:
        """Keep a connection on which another request may follow; close any other."""
        if connection.release():
            self._spare.setdefault(server, {})[connection] = None
        else:
            connection.close()

    async def close(self) -> None:
        """Close those that are kept; the others are closed by whoever has them."""
        for spare in list(self._spare.values()):
            for connection in list(spare):
                connection.close()
        await asyncio.sleep(0)  # which is when they are

    async def _open(self, server: Server) -> Connection:
        """Return a new connection to one of a server's addresses, the last that took one first. Raises `OSError`."""
        host = server[0]
        addresses = await self._resolver.addresses(host)
        tried = sorted(addresses, key=lambda one: one != self._good.get(host))[:MOST_TRIED]
        within_s = self._connect_s / len(tried)
        for address in tried[:-1]:
            with contextlib.suppress(OSError):
                return await self._open_at(address, server, within_s)
        return await self._open_at(tried[-1], server, within_s)

    async def _open_at(self, address: str, server: Server, within_s: float) -> Connection:
        """Return a new connection to a server at an address of its. Raises `OSError`."""
        host, port, encrypted = server
        if encrypted and self._encryption is None:
            self._encryption = await asyncio.to_thread(ssl.create_default_context)  # reads all the authorities
        factory = partial(Connection, idle_s=self._idle_s, lost=partial(self._forget, server))
        context, name = (self._encryption, host) if encrypted else (None, None)
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(within_s):
            _, connection = await loop.create_connection(factory, address, port, ssl=context, server_hostname=name)
        self._good[host] = address
        return connection

    def _forget(self, server: Server, connection: Connection) -> None:
        """Be told that a connection is no longer open."""
        spare = self._spare.get(server)
        if spare is not None:
            spare.pop(connection, None)
            if not spare:
                del self._spare[server]
