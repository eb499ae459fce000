"""The addresses of workers' host names, which stand when DNS doesn't answer."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from app.loopback import is_ip
from app.workers.discovery.lookup import Lookup, UnansweredError
from app.workers.discovery.standing import Standing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FRESH_S = 60.0
"""Seconds for which an answer is not asked for again."""

DOUBTED_S = 5.0
"""The same of one whose addresses take no connection any more: the host may have moved, or be down."""

PATIENCE_S = 5.0
"""Seconds to wait for the first answer on a name."""

REFRESH_S = 1.0
"""Seconds to wait for an answer on a name whose addresses are known from before."""


class Name:
    """A host name, and the addresses that it was last heard to have."""

    def __init__(self, host: str, resolve: Callable[[str], Sequence[str]]) -> None:
        self.addresses: Sequence[str] = ()
        self._standing = Standing(f"name:{host}")
        self._lookup = Lookup(host, resolve=resolve)
        self._fresh_until = float("-inf")

    async def refresh(self) -> None:
        """Ask for its addresses if that was long ago. Raises `OSError` where nobody tells and none are known."""
        now = asyncio.get_running_loop().time()
        if now < self._fresh_until:
            return
        try:
            self.addresses = await self._ask()
        except UnansweredError as error:
            self._standing.failed(str(error))
            if not self.addresses:
                raise socket.gaierror(error.code, str(error)) from error
        else:
            self._standing.answered()
        self._fresh_until = now + FRESH_S

    def doubt(self) -> None:
        """Be told that none of its addresses takes a connection: ask anew before long."""
        self._fresh_until = min(self._fresh_until, asyncio.get_running_loop().time() + DOUBTED_S)

    async def _ask(self) -> Sequence[str]:
        """Return its addresses. Raises `UnansweredError` where there is no answer, or none in it."""
        found = await self._lookup.addresses(within_s=REFRESH_S if self.addresses else PATIENCE_S)
        if not found:
            raise UnansweredError("the name has no address", code=socket.EAI_NONAME)
        return found


class Resolver:
    """Looks names up with `resolve`; where that fails, hangs or knows none, what it last said of a name stands.

    So a listed worker outlives an outage of DNS, however long.
    """

    def __init__(self, resolve: Callable[[str], Sequence[str]]) -> None:
        self._resolve = resolve
        self._names: dict[str, Name] = {}

    async def addresses(self, host: str) -> Sequence[str]:
        """Return the addresses of `host`, which may be one itself. Raises `OSError` where there never were any."""
        name = self._names.get(host)
        if name is None:
            if is_ip(host):
                return (host,)
            name = self._names[host] = Name(host, self._resolve)
        await name.refresh()
        return name.addresses

    def doubt(self, host: str) -> None:
        """Be told that none of the addresses of `host` takes a connection."""
        if name := self._names.get(host):
            name.doubt()
