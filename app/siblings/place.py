"""A process's place among those of one server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Number `index` of `count` processes, and the directory, open to their user alone, that they share.

    In it: `N.sock`, where process N answers its siblings; `N.metrics`, its counters as they were last told to anybody;
    `ended.metrics`, the sum of those of processes that have ended; `embedded`, the address of the embedded worker;
    `wishes`, what operators want of the workers, and `wishes.lock`, for whoever changes that.
    """

    index: int
    count: int
    directory: Path

    @property
    def others(self) -> list[int]:
        """The numbers of the other processes."""
        return [index for index in range(self.count) if index != self.index]

    def socket(self, index: int) -> Path:
        """Where process `index` answers."""
        return self.directory / f"{index}.sock"

    def metrics(self, index: int) -> Path:
        """Where process `index` leaves its counters."""
        return self.directory / f"{index}.metrics"

    @property
    def ended(self) -> Path:
        """The counters of processes that have ended."""
        return self.directory / "ended.metrics"

    @property
    def wishes(self) -> Path:
        """What operators want of the workers."""
        return self.directory / "wishes"

    @property
    def wishes_lock(self) -> Path:
        """What is locked by the process that changes it."""
        return self.directory / "wishes.lock"

    def embedded_url(self) -> str:
        """Return where the embedded worker is now: read anew each time, as a restart may move it."""
        return embedded_file(self.directory).read_text(encoding="utf-8")


def embedded_file(directory: Path) -> Path:
    """Return the file that holds the embedded worker's address."""
    return directory / "embedded"


def replace(path: Path, content: bytes) -> None:
    """Write a file such that readers see the old content or the new, and nothing between."""
    draft = path.with_name(f"{path.name}.new")
    draft.write_bytes(content)
    draft.replace(path)


def read(path: Path) -> bytes:
    """Return what is in a file; nothing where there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
