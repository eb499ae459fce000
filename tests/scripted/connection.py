"""One HTTP/1.1 connection of the scripted upstream: httptools reads, a playback writes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, cast

import httptools

from tests.scripted.playback import Playback

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.scripted.playback import Watcher
    from tests.scripted.steps import Step


@dataclass(slots=True, kw_only=True)
class Request:
    """An HTTP request; names of headers are in lower case."""

    connection: int
    method: str = ""
    path: str = ""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""


class Server(Protocol):
    """What a connection belongs to."""

    def opened(self, connection: Connection) -> int:
        """Note a new connection and return its number."""
        ...

    def closed(self, connection: Connection) -> None:
        """Note that a connection is gone."""
        ...

    def answer(self, request: Request) -> tuple[Iterable[Step], Watcher]:
        """Return what to do with `request`, and who watches it being done."""
        ...


class Connection(asyncio.Protocol):
    """A client's connection, kept alive as long as the client wants."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._number = 0
        self._full = False
        self._playback: Playback | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._request = Request(connection=0)

    def abort(self) -> None:
        """Drop the connection."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._number = self._server.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self._playback:
            self._playback.abandon()
        self._server.closed(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()

    def pause_writing(self) -> None:
        self._full = True
        if self._playback:
            self._playback.pause()

    def resume_writing(self) -> None:
        self._full = False
        if self._playback:
            self._playback.resume()

    def on_message_begin(self) -> None:
        self._request = Request(connection=self._number)

    def on_url(self, url: bytes) -> None:
        self._request.path += url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._request.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._request.body += body

    def on_message_complete(self) -> None:
        """Answer. A request that doesn't wait for the answer before it (pipelining) is not spoken here."""
        if self._playback and not self._playback.over:
            self._transport.abort()
            return
        self._request.method = self._parser.get_method().decode("latin-1")
        steps, watcher = self._server.answer(self._request)
        self._playback = Playback(steps, self._transport, watcher, full=self._full)
        self._playback.play()
