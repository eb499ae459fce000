"""aiohttp's connections, spared what aiohttp 3.14 does after each piece of a response that is read.

It then resumes the connection, through the parser and down to the transport, whether or not it was paused. A worker
sends every token as a piece of its own, so that took a fifth of the time that a token takes. What is overridden here is
inside aiohttp, whose version is pinned; `tests/workers/test_connection.py` tells whether a later one still has it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.client_proto import ResponseHandler

if TYPE_CHECKING:
    from app.workers.resolver import Resolver


class Connection(ResponseHandler):
    """A connection to a worker; one that isn't paused has nothing to resume."""

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002 - aiohttp's signature
        """Go on reading where the connection is paused."""
        if getattr(self, "_reading_paused", True):
            super().resume_reading(resume_parser)


class Connector(aiohttp.TCPConnector):
    """Opens such connections: as many as are asked for, to addresses that are looked up anew every minute."""

    def __init__(self, resolver: Resolver) -> None:
        super().__init__(limit=0, ttl_dns_cache=60, resolver=resolver)  # pyright: ignore[reportUnknownMemberType] - aiohttp's own
        self._factory = partial(Connection, loop=self._loop)
