"""What stands in Redis of a worker."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import asdict, replace

from app.workers.discovery.address import address
from app.workers.discovery.base import Announced

MAX_ENTRY_BYTES = 8_192
MAX_LEASE_S = 3_600.0


class Entry(Announced, frozen=True, kw_only=True):
    """A registered worker: as announced, the models that it served then, and the length of its lease in seconds."""

    models: tuple[str, ...] = ()
    lease_s: Annotated[float, Meta(gt=0.0, le=MAX_LEASE_S)]

    @classmethod
    def of(cls, worker: Announced, *, models: tuple[str, ...], lease_s: float) -> Entry:
        """Return the entry of a worker; without the models, which are for people to read, where they are too many.

        Raises ValueError where no reader would accept it.
        """
        entry = cls(**asdict(worker), models=models, lease_s=lease_s)
        if len(encode(entry)) > MAX_ENTRY_BYTES:
            entry = replace(entry, models=())
        return decode(encode(entry))

    @property
    def worker(self) -> Announced:
        """The worker as it was announced."""
        return Announced(url=self.url, name=self.name, labels=self.labels, limit=self.limit)


_decoder = msgspec.json.Decoder(Entry)


def encode(entry: Entry) -> bytes:
    """Return the entry as Redis keeps it: JSON."""
    return msgspec.json.encode(entry)


def decode(value: bytes) -> Entry:
    """Read an entry. Raises ValueError with the reason where it is none, or has no address of a worker."""
    if len(value) > MAX_ENTRY_BYTES:
        raise ValueError(f"it is longer than {MAX_ENTRY_BYTES} bytes")
    try:
        entry = _decoder.decode(value)  # its other errors are ValueErrors
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return replace(entry, url=address(entry.url))
