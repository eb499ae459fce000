"""What processes that have ended had counted, in a file that the others add to their sums."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from app.siblings.place import read, replace
from app.telemetry.summing import summed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.siblings.place import Place


def keep_counts(place: Place) -> None:
    """Add what the process at `place`, which has ended, had told to what others had before it.

    To be called for one process at a time. Raises OSError where there is no room for it.
    """
    told = read(place.metrics(place.index))
    if told:
        replace(place.ended, _mark(told) + summed([], [told, read(place.ended)]))
        place.metrics(place.index).unlink(missing_ok=True)


def past_counts(place: Place, absent: Iterable[int]) -> list[bytes]:
    """Return what the processes `absent` have told last, and those that have ended: nothing of it twice.

    What a process had told stands in two files for a moment while it is kept. Its own is read first, so that it is in
    one of them at least, and the mark of the other tells whether it is in both. (No two processes tell the same: when
    their series began is part of it.)
    """
    told = [read(place.metrics(index)) for index in absent]
    ended = read(place.ended)
    return [ended, *(one for one in told if not ended.startswith(_mark(one)))]


def _mark(told: bytes) -> bytes:
    """Return the line, a comment to Prometheus, that heads the sum to which `told` was added last."""
    return b"# with %s\n" % sha256(told).hexdigest().encode()
