"""The notebook of a server with several processes: a file, which outlives each of them."""

from __future__ import annotations

import asyncio
import fcntl
from contextlib import asynccontextmanager
from typing import IO, TYPE_CHECKING

import msgspec

from app.errors import UnavailableError
from app.siblings.place import read, replace
from app.workers.wishes import Wishes

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from app.siblings.place import Place

TURN_S = 2.0
"""Seconds that a change waits for its turn; each takes a moment, unless its process stands still in the middle."""

LOOK_S = 0.01


class SharedNotebook:
    """Writes to a file in the directory that the processes share, one at a time by a lock that ends with its holder.

    Files are of a few hundred bytes, so the event loop does that by itself.
    """

    def __init__(self, place: Place) -> None:
        self._file = place.wishes
        self._lock = place.wishes_lock

    def read(self) -> Wishes:
        """Return what is written down, by whichever process. Raises `UnavailableError`.

        What can't be read as wishes is as good as gone: whoever knows later ones writes them down again.
        """
        try:
            return msgspec.json.decode(read(self._file), type=Wishes)
        except OSError as error:
            raise _failed(error) from error
        except (msgspec.DecodeError, UnicodeDecodeError):
            return Wishes()

    def write(self, wishes: Wishes) -> None:
        """Write down what is wished from now on. Raises `UnavailableError`."""
        try:
            replace(self._file, msgspec.json.encode(wishes))
        except OSError as error:
            raise _failed(error) from error

    @asynccontextmanager
    async def held(self) -> AsyncGenerator[None]:
        """Keep the other processes, and other changes here, from writing. Raises `UnavailableError`."""
        try:
            lock = self._lock.open("ab")
        except OSError as error:
            raise _failed(error) from error
        with lock:
            await _turn(lock)
            yield


async def _turn(lock: IO[bytes]) -> None:
    """Take the lock, which is given back when its file is closed. Raises `UnavailableError`."""
    loop = asyncio.get_running_loop()
    until = loop.time() + TURN_S
    while not _taken(lock):
        if loop.time() > until:
            raise UnavailableError("another process of the server is changing its workers; try again", retry_after_s=1)
        await asyncio.sleep(LOOK_S)


def _taken(lock: IO[bytes]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _failed(error: OSError) -> UnavailableError:
    reason = error.strerror or error
    message = f"changes of the workers can't be read or written down ({reason}); nothing was changed"
    return UnavailableError(message, retry_after_s=5)
