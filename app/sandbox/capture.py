"""What comes out of a pipe, up to a limit."""

from __future__ import annotations

import os
from typing import Literal

_CHUNK_BYTES = 65_536


class Capture:
    """The first `most` bytes read from `fd`, a pipe that doesn't block; `over` says whether there were more."""

    def __init__(self, fd: int, most: int) -> None:
        self.fd = fd
        self.data = bytearray()
        self.over = False
        self._most = most

    def read(self) -> Literal["more", "nothing", "end"]:
        """Take in what is there: `nothing` yet, `more` than nothing, or the `end`, at the limit too."""
        try:
            chunk = os.read(self.fd, min(_CHUNK_BYTES, self._most - len(self.data) + 1))
        except BlockingIOError:
            return "nothing"
        self.data += chunk
        self.over = len(self.data) > self._most
        del self.data[self._most :]
        return "more" if chunk and not self.over else "end"

    def drain(self) -> None:
        """Take in all that is there now."""
        while not self.over and self.read() == "more":
            pass
