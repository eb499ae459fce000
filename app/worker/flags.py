"""vLLM's flags, as somebody has written them on a command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def value_of(name: str, flags: Sequence[str]) -> str | None:
    """Return what `flags` give the flag `name`, the last one winning as in vLLM; None where they don't give it.

    `--name value`, `--name=value` and `--na_me value` are the same to vLLM.
    """
    found = None
    for at, flag in enumerate(flags):
        written, equals, value = flag.partition("=")
        if normal(written) == name:
            found = value if equals else (flags[at + 1] if at + 1 < len(flags) else None)
    return found


def named(flags: Sequence[str]) -> set[str]:
    """Return the names of all flags."""
    return {normal(flag.partition("=")[0]) for flag in flags if flag.startswith("--")}


def normal(name: str) -> str:
    """Return a flag's name as vLLM documents it, with hyphens."""
    return name.replace("_", "-")
