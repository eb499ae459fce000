"""The addresses of workers' host names, which stand when DNS doesn't answer."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from aiohttp.abc import AbstractResolver, ResolveResult

from app.workers.discovery.lookup import Lookup, UnansweredError
from app.workers.discovery.standing import Standing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PATIENCE_S = 5.0
"""Seconds to wait for the first answer on a name."""

REFRESH_S = 1.0
"""Seconds to wait for an answer on a name whose addresses are known from before."""


class Name:
    """A host name, and the addresses that it was last heard to have."""

    def __init__(self, host: str, resolve: Callable[[str], Sequence[str]]) -> None:
        self.addresses: Sequence[str] = ()
        self.standing = Standing(f"name:{host}")
        self._lookup = Lookup(host, resolve=resolve)

    async def refresh(self) -> None:
        """Ask for its addresses. Raises `OSError` where nobody tells and none are known."""
        try:
            self.addresses = await self._ask()
        except UnansweredError as error:
            self.standing.failed(str(error))
            if not self.addresses:
                raise OSError(str(error)) from error
        else:
            self.standing.answered()

    async def _ask(self) -> Sequence[str]:
        """Return its addresses. Raises `UnansweredError` where there is no answer, or none in it."""
        found = await self._lookup.addresses(within_s=REFRESH_S if self.addresses else PATIENCE_S)
        if not found:
            raise UnansweredError("the name has no address")
        return found


class Resolver(AbstractResolver):
    """Looks names up with `resolve`; where that fails, hangs or knows none, what it last said of a name stands.

    For aiohttp, which keeps an answer for some time: so a listed worker outlives an outage of DNS, however long.
    """

    def __init__(self, resolve: Callable[[str], Sequence[str]]) -> None:
        self._resolve = resolve
        self._names: dict[str, Name] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of `host`. Raises `OSError` where there never were any."""
        name = self._names.setdefault(host, Name(host, self._resolve))
        await name.refresh()
        found = [(one, socket.AF_INET6 if ":" in one else socket.AF_INET) for one in name.addresses]
        return [
            ResolveResult(hostname=host, host=one, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST)
            for one, kind in found
            if family in {socket.AF_UNSPEC, kind}
        ]

    async def close(self) -> None:
        """Let go of what is known."""
        self._names.clear()
