"""The responses that come over one connection, one after the other, by httptools' parser."""

from __future__ import annotations

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from app.errors import WorkerCutError, WorkerGarbageError

MAX_BARE = 64 * 1024
"""Bytes that may come without any of a body among them: of a head, or of what may stand around chunks."""

OK = 200
FRAMING = {b"content-length", b"transfer-encoding"}


class Response:
    """One response as it arrives, and after `begin` the next.

    `status` is 0 until its head is there, `ended` tells that it is whole, `lasts` that another may follow it. `pieces`
    are what has come of its body and wasn't taken yet, `size` bytes altogether.
    """

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.lasts = False
        self._parser = HttpResponseParser(self)
        self.begin()

    def begin(self) -> None:
        """Forget the last one."""
        self.pieces.clear()
        self.status = self.size = self._bare = 0
        self.ended = self._framed = False

    def feed(self, data: bytes) -> None:
        """Take in what has arrived. Raises `WorkerGarbageError`, or `WorkerCutError` for a body that breaks off."""
        self._bare += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            raise (cut() if self.status else WorkerGarbageError("the worker's answer is not HTTP")) from error
        if self._bare > MAX_BARE:
            raise WorkerGarbageError("the worker's answer is not HTTP of a reasonable length")

    def take(self) -> bytes:
        """Return what has come of the body since the last time."""
        data = self.pieces[0] if len(self.pieces) == 1 else b"".join(self.pieces)
        self.pieces.clear()
        self.size = 0
        return data

    def close(self, *, cleanly: bool) -> None:
        """Note the end of the connection, which is that of a body whose length wasn't told, too."""
        self.ended = self.ended or (cleanly and self.status > 0 and not self._framed)
        self.lasts = False
        del self._parser  # which holds this in turn

    def on_message_begin(self) -> None:
        """Refuse what nobody has asked for."""
        if self.ended:
            raise HttpParserError

    def on_header(self, name: bytes, _value: bytes) -> None:
        """Note a header: only whether there is one that says where the body ends."""
        self._framed = self._framed or name.lower() in FRAMING

    def on_headers_complete(self) -> None:
        """Note the status, unless it is only a word before the response."""
        status = self._parser.get_status_code()
        if status >= OK:
            self.status = status

    def on_body(self, body: bytes) -> None:
        """Note a piece of the body; before there is a status it is none's, and only more of what is bare."""
        if not self.status:
            return
        self.pieces.append(body)
        self.size += len(body)
        self._bare = 0

    def on_message_complete(self) -> None:
        """Note the end."""
        if self.status:
            self.ended = True
            self.lasts = self._parser.should_keep_alive()


def cut() -> WorkerCutError:
    """Return the error for a connection that broke."""
    return WorkerCutError("the worker broke off before the end of its answer")
