"""The files that a replay writes: that they can be, before anything is computed, and that no other is lost to them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.replay.errors import ReplayError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path


def check_files(read: Sequence[Path], written: Sequence[Path]) -> None:
    """Raise `ReplayError` where a file to be written is one of those read, or another's, or in no directory."""
    taken = {file.resolve() for file in read}
    for file in written:
        if file.resolve() in taken:
            raise ReplayError(f"{file} can't be written: another file of this command is the same; name another")
        if file.is_dir():
            raise ReplayError(f"{file} can't be written: it is a directory")
        if not file.resolve().parent.is_dir():
            raise ReplayError(f"{file} can't be written: {file.parent} is no directory")
        taken.add(file.resolve())


@contextmanager
def writing(file: Path) -> Generator[None]:
    """Say which file it is that can't be written."""
    try:
        yield
    except OSError as error:
        raise ReplayError(f"{file} can't be written: {error.strerror or error}") from error
