"""Workers behind a DNS name: every address of it is one, as a headless Kubernetes service lists its pods."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from app.workers.discovery.address import address
from app.workers.discovery.base import Announced
from app.workers.discovery.lookup import Lookup, UnansweredError
from app.workers.discovery.lookup import resolve as system_resolve
from app.workers.discovery.standing import Standing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

HTTP_PORT = 80
MAX_WORKERS = 4_096


class Dns:
    """The workers at the addresses of `url`'s host, each named `address:port`; asked every `every_s` seconds.

    Where the resolver can't tell, or doesn't within `timeout_s`, what it last said stands. Where it says that there is
    no address, that is believed after `forget_s`: it is what is answered for a moment while a service or a DNS server
    is replaced, and workers that are gone indeed are found out by their silence.
    """

    def __init__(
        self,
        url: str,
        *,
        every_s: float = 10.0,
        forget_s: float = 60.0,
        timeout_s: float = 5.0,
        resolve: Callable[[str], Sequence[str]] = system_resolve,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        parts = urlsplit(address(url))
        self.name = f"dns:{parts.netloc}"
        self.standing = Standing(self.name)
        self._port = parts.port or HTTP_PORT
        self._path = parts.path
        self._lookup = Lookup(parts.hostname or "", resolve=resolve)
        self._every_s = every_s
        self._forget_s = forget_s
        self._timeout_s = timeout_s
        self._clock = clock
        self._empty_since: float | None = None
        self._workers: tuple[Announced, ...] = ()

    async def watch(self) -> AsyncIterator[Sequence[Announced]]:
        """Yield the workers after the first answer, or the first failure to get one, and after each change."""
        said = None
        while True:
            await self._look()
            if self._workers != said:
                said = self._workers
                yield said
            await asyncio.sleep(self._every_s)

    async def _look(self) -> None:
        try:
            found = await self._lookup.addresses(within_s=self._timeout_s)
        except UnansweredError as error:
            self.standing.failed(str(error))
            return
        if found:
            self._empty_since = None
            self._believe(found)
        else:
            self._doubt()

    def _believe(self, found: Sequence[str]) -> None:
        self.standing.answered()
        usable = [one for one in sorted(found) if "%" not in one]  # a scope is of this machine's own link
        self._workers = tuple(self._worker(one) for one in usable[:MAX_WORKERS])

    def _doubt(self) -> None:
        """Forget the workers only once there has been no address for some time."""
        now = self._clock()
        if self._empty_since is None:
            self._empty_since = now
        self.standing.failed("the name has no address")
        if now - self._empty_since >= self._forget_s:
            self._workers = ()

    def _worker(self, one: str) -> Announced:
        name = f"[{one}]:{self._port}" if ":" in one else f"{one}:{self._port}"
        return Announced(url=f"http://{name}{self._path}", name=name)
