"""HTTP as uvicorn speaks it, with a bound on the head of a request, which uvicorn itself doesn't have."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD = 128 * 1024
"""Bytes that a request line and its headers may take while they keep coming."""


class BoundedProtocol(HttpToolsProtocol):
    """Answers 400 and hangs up once a request's head has grown over `MAX_HEAD` without an end."""

    _in_head = True
    _head = 0

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._in_head, self._head = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note that the head has ended."""
        self._in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Take in what has arrived."""
        super().data_received(data)
        if self._in_head:
            self._head += len(data)
            if self._head > MAX_HEAD:
                self.send_400_response(f"The request's headers take more than {MAX_HEAD} bytes.")
