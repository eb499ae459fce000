"""Where a setting was set: by a flag, in the environment, or in the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

CONFIG_VARIABLE = "QUORUM_CONFIG"
DEFAULT_CONFIG = "quorum.toml"
PREFIX = "QUORUM_"
FLAGS = {
    "host": "--host",
    "port": "--port",
    "processes": "--processes",
    "insecure": "--insecure",
    "workers": "--worker",
    "embedded": "--model",
}
"""The flags of `quorum serve`, by what they set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The sources of one configuration: `written` is what the file `file` holds."""

    flags: Mapping[str, object]
    environment: Mapping[str, str]
    written: Mapping[str, object]
    file: Path | None

    def of(self, path: Sequence[str]) -> str | None:
        """Return the flag, else the variable, else the file that set the key; None where none of them did."""
        if not path:
            return None
        if path[0] in self.flags:
            return FLAGS.get(path[0])
        variables = {name.upper(): name for name in self.environment}
        for depth in range(len(path), 0, -1):
            if found := variables.get(PREFIX + "__".join(path[:depth]).upper()):
                return found
        return str(self.file) if path[0].lower() in {name.lower() for name in self.written} else None
