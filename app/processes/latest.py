"""The configuration of a server in several processes, as it could last be used."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from app.reload import AT_RUN_TIME
from app.settings.reading import ConfigurationError, settings_of, written_in

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Latest:
    """What stands in `file`, of which `written` is what the processes that serve go by.

    Raises `ConfigurationError` where the file can't be read.
    """

    def __init__(self, file: Path | None, flags: Mapping[str, object]) -> None:
        self.written = written_in(file)
        self._file = file
        self._flags = flags

    def look(self) -> None:
        """Take in of the file what can change while the server runs; one that can't be used changes nothing.

        Every process that serves looks, too, and tells of it in the log.
        """
        with suppress(ConfigurationError):
            now = written_in(self._file)
            settings_of(now, self._file, self._flags)
            kept = {key: value for key, value in self.written.items() if key.lower() not in AT_RUN_TIME}
            taken = {key: value for key, value in now.items() if key.lower() in AT_RUN_TIME}
            settings_of(kept | taken, self._file, self._flags)
            self.written = kept | taken
