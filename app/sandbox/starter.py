"""Starts one program on a remote server, in place of the Python that runs this; the gateway itself never runs it.

SandboxFusion leaves stacks as large as all of the memory, with which no thread starts, counts address space that is
only set aside, or bounds no memory, hands on its own environment, and lets no file be executed. A script of its own:
the standard library only, for Python 3.9 and newer, and ASCII only, for servers of any locale.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence

PYTHON = "{python}"
FLAGS = ("-I", "-S", "-B")
STACK_BYTES = 8 * 2**20
RESERVED_BYTES = 4 * 2**30
NOT_FOUND, NOT_EXECUTABLE = 127, 126


def start(command: Sequence[str], memory_bytes: int) -> NoReturn:
    """Become the program; ends with 127 or 126, as a shell does, where it is not there or can't be executed."""
    words = [sys.executable, *FLAGS, *command[1:]] if command[0] == PYTHON else list(command)
    _tidy()
    _confine(memory_bytes)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # which Python ignores, and programs would go on to
        signal.signal(number, signal.SIG_DFL)
    here, path = os.getcwd(), os.environ.get("PATH", os.defpath)  # noqa: PTH109 - pathlib takes time to import
    try:
        os.execvpe(words[0], words, {"PATH": path, "HOME": here, "LANG": "C.UTF-8"})  # noqa: S606 - what it is for
    except OSError as error:
        sys.stderr.write(f"{words[0]}: {error.strerror}\n")
        sys.exit(NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE)


def _tidy() -> None:
    """Leave nothing here but the program's files, which can be executed."""
    with suppress(OSError):
        os.unlink(__file__)  # noqa: PTH108 - as above
    for directory, _, names in os.walk("."):
        for name in names:
            with suppress(OSError):  # another user's, and the server has seen to it
                os.chmod(os.path.join(directory, name), 0o755)  # noqa: PTH101, PTH118, S103 - as above, and as it says


def _confine(memory_bytes: int) -> None:
    """Bound what each process may allocate; address space that is only set aside costs nothing."""
    _limit(resource.RLIMIT_AS, memory_bytes + RESERVED_BYTES)
    _limit(resource.RLIMIT_DATA, memory_bytes)
    _limit(resource.RLIMIT_STACK, STACK_BYTES)
    _limit(resource.RLIMIT_CORE, 0)


def _limit(kind: int, most: int) -> None:
    """Set a limit, or the highest that there may be."""
    hard = resource.getrlimit(kind)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))
