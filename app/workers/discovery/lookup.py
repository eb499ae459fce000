"""Asking the system which addresses a name has."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NO_ADDRESS = frozenset({socket.EAI_NONAME, socket.EAI_NODATA})
"""Codes that say: there is such a domain, or none, but no address. All others say that nobody could tell."""


class UnansweredError(Exception):
    """Nobody could tell, for a reason with this code of getaddrinfo."""

    def __init__(self, reason: str, *, code: int = socket.EAI_AGAIN) -> None:
        super().__init__(reason)
        self.code = code


def resolve(host: str) -> list[str]:
    """Return the addresses of `host`, IPv4 and IPv6, sorted; blocks for as long as the system's resolver does.

    It goes by the system's own rules: hosts file, search domains, caches. No address: an empty list. Raises OSError
    where nobody could tell.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno in NO_ADDRESS:
            return []
        raise
    return sorted({str(sockaddr[0]) for *_, sockaddr in found})


class Lookup:
    """Looks one name up, in a thread of its own.

    A resolver that hangs can't be interrupted. So the thread is a daemon, which keeps no process from ending (those of
    the event loop's executor would), and while it hangs there is no second one: its answer is awaited instead.
    """

    def __init__(self, host: str, *, resolve: Callable[[str], Sequence[str]] = resolve) -> None:
        self._host = host
        self._resolve = resolve
        self._running: asyncio.Future[Sequence[str]] | None = None

    async def addresses(self, *, within_s: float) -> Sequence[str]:
        """Return the addresses; raises `UnansweredError` with the reason where there's no answer in time."""
        running = self._running = self._running or self._start()
        done, _ = await asyncio.wait({running}, timeout=within_s)
        if not done:
            raise UnansweredError(f"the resolver didn't answer within {within_s:g} s")
        self._running = None
        try:
            return running.result()
        except (OSError, UnicodeError) as error:  # a name with a label over 63 characters is a UnicodeError
            raise UnansweredError(str(error)) from error

    def _start(self) -> asyncio.Future[Sequence[str]]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Sequence[str]] = loop.create_future()

        def ask() -> None:
            try:
                found = self._resolve(self._host)
            except (OSError, UnicodeError) as error:
                tell(answer.set_exception, error)
            else:
                tell(answer.set_result, found)

        def tell(how: Callable[..., None], what: object) -> None:
            with suppress(RuntimeError):  # the event loop has ended meanwhile
                loop.call_soon_threadsafe(how, what)

        threading.Thread(target=ask, name=f"dns-{self._host}", daemon=True).start()
        return answer
