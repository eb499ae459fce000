"""Playing the steps of an answer on a connection, at the speed at which the client reads."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Protocol

from tests.scripted.received import Ending
from tests.scripted.steps import Close, Hold, Pause, Send

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.scripted.steps import Step

_NO_LINGER = struct.pack("ii", 1, 0)


class Watcher(Protocol):
    """Who wants to know how an answer gets on."""

    def sent(self, step: Send) -> bytes:
        """Note that `step` goes out now and return the bytes to write."""
        ...

    def ended(self, ending: Ending) -> None:
        """Note that the answer ended."""
        ...


class Playback:
    """One answer on its way. It has no task: a pause is a timer, and a full connection calls `resume`."""

    def __init__(self, steps: Iterable[Step], transport: asyncio.Transport, watcher: Watcher, *, full: bool) -> None:
        self._steps = iter(steps)
        self._transport = transport
        self._watcher = watcher
        self._full = full
        self._timer: asyncio.TimerHandle | None = None
        self._held = False
        self._playing = False
        self.over = False

    def play(self) -> None:
        """Take steps until one waits, or the connection is full, or none is left."""
        if self._playing:
            return
        self._playing = True
        while not (self.over or self._full or self._held or self._timer):
            self._take(next(self._steps, None))
        self._playing = False

    def pause(self) -> None:
        """Stop writing until `resume`."""
        self._full = True

    def resume(self) -> None:
        """Write on."""
        self._full = False
        self.play()

    def abandon(self) -> None:
        """Stop for good: the client is gone."""
        if self._timer:
            self._timer.cancel()
        if not self.over:
            self._end(Ending.CLIENT_CLOSED)

    def _take(self, step: Step | None) -> None:
        match step:
            case Send():
                self._transport.write(self._watcher.sent(step))
            case Pause():
                self._timer = asyncio.get_running_loop().call_later(step.seconds, self._wake)
            case Hold():
                self._held = True
            case Close():
                self._end(Ending.CUT)
                _close(self._transport, reset=step.reset)
            case None:
                self._end(Ending.FINISHED)

    def _wake(self) -> None:
        self._timer = None
        self.play()

    def _end(self, ending: Ending) -> None:
        self.over = True
        self._watcher.ended(ending)


def _close(transport: asyncio.Transport, *, reset: bool) -> None:
    if not reset:
        transport.close()
        return
    connection: socket.socket = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()
