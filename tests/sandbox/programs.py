"""Programs for the sandbox, and how to run one."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import uvloop

from app.sandbox.base import PYTHON, Ended, Limits, Program
from app.sandbox.bubblewrap import Bubblewrap

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.sandbox.base import Sandbox


SECRET = "secret-of-the-server"
"""Stands in the environment of the process that runs programs, where they must not see it."""


class Run(Protocol):
    """Runs a piece of Python in a sandbox."""

    def __call__(self, code: str, *, limits: Limits = ..., stdin: bytes = ...) -> Ended: ...


def python(
    code: str, *, limits: Limits | None = None, stdin: bytes = b"", files: Mapping[str, bytes] | None = None
) -> Program:
    return Program(
        command=[PYTHON, "main.py"],
        files={"main.py": textwrap.dedent(code).encode(), **(files or {})},
        stdin=stdin,
        limits=limits or Limits(),
    )


def ran(program: Program, sandbox: Sandbox | None = None) -> Ended:
    """Run a program, in a sandbox of its own by default."""
    return uvloop.run((sandbox or Bubblewrap(slots=1)).run(program))


def living(mark: str) -> list[str]:
    """Return the command lines of this machine's processes that hold the mark."""
    found: list[str] = []
    for process in Path("/proc").iterdir():
        if process.name.isdecimal() and int(process.name) != os.getpid():
            try:
                line = (process / "cmdline").read_bytes().decode(errors="replace")
            except OSError:  # it has just ended
                continue
            found += [line] if mark in line else []
    return found
