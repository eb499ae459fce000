"""The seam to whatever isolates programs that nobody trusts: two methods, and the words in which they speak."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PYTHON = "{python}"
"""Stands, as the first word of a command, for the sandbox's own Python, isolated and without third-party packages."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one program may take: seconds of wall-clock time, MiB of memory, processes, and bytes that it prints.

    `output_bytes` bounds standard output and standard error each.
    """

    wall_s: float = 10.0
    memory_mb: int = 256
    processes: int = 16
    output_bytes: int = 65_536


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """One program to run, in an empty directory that holds its `files` by name and nothing else.

    `command` is a list of words, never a shell's line; names of files in it are relative to that directory.
    """

    command: Sequence[str]
    files: Mapping[str, bytes] = msgspec.field(default_factory=dict[str, bytes])
    stdin: bytes = b""
    limits: Limits = Limits()


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a program ended, and what it printed up to then.

    `how`: it `exited` by itself, with status `code`; a signal ended it (`killed`: a crash, or a limit of the kernel's);
    it `timed_out`; or it printed more than it may (`too_much_output`). `code` is None but where it exited. `seconds`
    are of wall-clock time.
    """

    how: Literal["exited", "killed", "timed_out", "too_much_output"]
    code: int | None
    stdout: bytes
    stderr: bytes
    seconds: float


class Sandbox(Protocol):
    """Runs programs so that nothing outside changes, whatever they do."""

    async def check(self) -> None:
        """Make sure that programs can be isolated here. Raises `SandboxUnavailableError`, which says why not."""
        ...

    async def run(self, program: Program) -> Ended:
        """Run a program to its end; waits while too many run already. Cancelling it ends the program.

        Whatever the program does is in the value returned. Raises `SandboxUnavailableError` where it could not be
        isolated, so that it was not run, and `SandboxError` where the sandbox itself failed.
        """
        ...
