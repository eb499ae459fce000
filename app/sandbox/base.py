"""The seam to whatever isolates programs that nobody trusts: two methods, and the words in which they speak."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PYTHON = "{python}"
"""Stands, as the first word of a command, for the sandbox's own Python, isolated and without third-party packages.

Its flags are `-I -S -B`: the directory of the program is not among those that it imports from, unless the program adds
it.
"""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one program may take: seconds of wall-clock time, MiB of memory, processes, and bytes that it prints.

    `memory_mb` bounds the address space of each process and what all of them hold together, files in /tmp included.
    `processes` counts threads too; `output_bytes` bounds standard output and standard error each. What goes beyond the
    server's own (`Sandbox.ceilings`: `sandbox.max_time_limit_s`, `sandbox.max_memory_mb`) is lowered to them.
    """

    wall_s: float = 10.0
    memory_mb: int = 256
    processes: int = 16
    output_bytes: int = 65_536


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """One program to run, in an empty directory that holds its `files` by name and nothing else.

    `command` is a list of words, never a shell's line; names of files in it are relative to that directory. Files may
    stand in directories (`tests/data.txt`), and can be changed and executed.
    """

    command: Sequence[str]
    files: Mapping[str, bytes] = {}
    stdin: bytes = b""
    limits: Limits = Limits()


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a program ended, and what it printed up to then.

    `how`: it `exited` by itself, with status `code`; a signal ended it (`killed`: a crash, or a limit of the kernel's);
    it `timed_out`; or it printed more than it may (`too_much_output`). `code` is None but where it exited. `seconds`
    are of wall-clock time. A status of 129 to 192 is taken for a signal's, as a shell gives it; a command that is there
    but can't be executed exits with 126 or 127. A program that was killed for its memory or its files has a last line
    on standard error that says so.
    """

    how: Literal["exited", "killed", "timed_out", "too_much_output"]
    code: int | None
    stdout: bytes
    stderr: bytes
    seconds: float


class Sandbox(Protocol):
    """Runs programs so that nothing outside changes, whatever they do."""

    @property
    def ceilings(self) -> Limits:
        """The most that a program gets of `wall_s`, `memory_mb` and `output_bytes`; of `processes` it gets all."""
        ...

    @property
    def running(self) -> int:
        """How many programs run now."""
        ...

    @property
    def waiting(self) -> int:
        """How many programs wait for their turn."""
        ...

    async def check(self) -> None:
        """Make sure that programs can be isolated here. Raises `SandboxUnavailableError`, which says why not."""
        ...

    async def run(self, program: Program) -> Ended:
        """Run a program to its end; waits while too many run already. Cancelling it ends the program.

        Whatever the program does is in the value returned. Raises `SandboxUnavailableError` where it could not be
        isolated, so that it was not run, `SandboxBusyError` where too many wait already, and `SandboxError` where the
        sandbox itself failed, or holds no such command. Once it has returned or raised, nothing of the program lives.
        """
        ...
