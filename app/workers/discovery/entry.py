"""What stands in Redis of a worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import asdict

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
        """Return the entry of a worker. Raises ValueError where its address, or its size, would not be accepted."""
        entry = cls(**{**asdict(worker), "url": address(worker.url)}, models=models, lease_s=lease_s)
        decode(encode(entry))
        return entry

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
    entry = _decoder.decode(value)  # its errors are ValueErrors
    return msgspec.structs.replace(entry, url=address(entry.url))


@dataclass(frozen=True, slots=True)
class Keys:
    """The registry's keys, under a prefix by which several installations share a Redis.

    `index` is the set of all ids, a worker's id its URL; `since` changes when Redis has lost what it knew.
    """

    prefix: str

    @property
    def index(self) -> str:
        """The set of ids."""
        return f"{self.prefix}:workers"

    @property
    def since(self) -> str:
        """A random text that the first reader leaves there."""
        return f"{self.prefix}:workers:since"

    @property
    def entries(self) -> str:
        """What stands before an id in the key of its entry."""
        return f"{self.prefix}:worker:"

    def entry(self, id_: str) -> str:
        """Return the key of a worker's entry."""
        return self.entries + id_
