"""HTTP as uvicorn speaks it, with the bounds on a request that uvicorn itself doesn't have: size and time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.api.failures import error_body
from app.errors import InvalidRequestError

if TYPE_CHECKING:
    from asyncio import TimerHandle

MAX_HEAD = 128 * 1024
"""Bytes that a request line and its headers may take while they keep coming."""

ARRIVAL_S = 60.0
"""Seconds that a client may take to send a request, its body included."""


LINGER_S = 1.0
"""Seconds for which a refused client may go on sending: closing at once would cost it the reason."""


class BoundedProtocol(HttpToolsProtocol):
    """Hangs up on a client whose request's head grows over `MAX_HEAD`, or that is still sending after `ARRIVAL_S`.

    A request that arrives in one piece, as nearly all do, needs no timer.
    """

    arrival_s = ARRIVAL_S
    _arriving = True
    _in_head = True
    _head = 0
    _alarm: TimerHandle | None = None
    _refused = False

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._arriving, self._in_head, self._head = True, True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note that the head has ended."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that the request is here as a whole."""
        self._arriving = False
        self._silence()
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Take in what has arrived."""
        if self._refused:
            return
        super().data_received(data)
        if not self._arriving:
            return
        if self._alarm is None:
            self._alarm = self.loop.call_later(self.arrival_s, self._late)
        if self._in_head:
            self._head += len(data)
            if self._head > MAX_HEAD:
                self.send_400_response(f"The request's headers take more than {MAX_HEAD} bytes.")

    def wind_down(self) -> None:
        """Let an answer that is under way be the last here; a connection without one stays open for a refusal."""
        if self.cycle and not self.cycle.response_complete:
            self.cycle.keep_alive = False

    def connection_lost(self, exc: Exception | None) -> None:
        """End with the connection."""
        self._silence()
        super().connection_lost(exc)

    def _silence(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _late(self) -> None:
        """Refuse a request that hasn't arrived in time, unless an answer is under way: that is let come to its end."""
        self._alarm = None
        if self._answering():
            self._alarm = self.loop.call_later(self.arrival_s, self._late)
        elif self._answered() or self.transport.is_closing():
            self.transport.close()
        else:
            self._refuse()

    def _answering(self) -> bool:
        """Whether an answer is under way, to this request or to one before it."""
        if not self.cycle or self.cycle.response_complete:  # there is none before the first request
            return False
        return self._in_head or bool(self.pipeline) or self.cycle.response_started

    def _answered(self) -> bool:
        """Whether the request was answered before it had come to its end."""
        return not self._in_head and self.cycle.response_complete

    def _refuse(self) -> None:
        """Answer 408, tell the app that the client has gone, and hang up a little later."""
        error = InvalidRequestError(f"the request did not arrive within {self.arrival_s:g} s")
        body = msgspec.json.encode(error_body(error))
        head = (
            b"HTTP/1.1 408 Request Timeout\r\nContent-Type: application/json\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n"
        )
        self._refused = True
        self.transport.write(head % len(body) + body)
        self.transport.write_eof()
        if not self._in_head:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.flow.resume_reading()
        self._alarm = self.loop.call_later(LINGER_S, self.transport.close)
