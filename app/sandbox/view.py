"""What a program sees of this machine, as bubblewrap's options: the system's programs, a Python, and an empty room."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from app.errors import SandboxError
from app.sandbox.base import PYTHON

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from app.sandbox.base import Program

SCRATCH = "/tmp"  # noqa: S108 - inside the sandbox, where it belongs to one program
BOX = f"{SCRATCH}/box"
"""The directory in which a program starts and finds its files."""

SCRATCH_BYTES = 64 * 2**20
"""What a program may write to /tmp, its directory included; counts as memory, which it is."""

SEARCH_PATH = "/usr/local/bin:/usr/bin:/bin"
_PYTHON_FLAGS = ("-I", "-S", "-B")
_MERGED = ("/bin", "/lib", "/lib64", "/sbin")
_ETC = ("/etc/alternatives", "/etc/ld.so.cache")
_DEVICES = ("null", "zero", "full", "random", "urandom")
_ENVIRONMENT = {"PATH": SEARCH_PATH, "HOME": BOX, "TMPDIR": SCRATCH, "LANG": "C.UTF-8"}


def own_python() -> Path:
    """Return the interpreter behind this process's virtual environment."""
    named = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
    return Path(os.path.realpath(named if named.exists() else sys.executable))


@dataclass(frozen=True, kw_only=True)  # no slots, for the sake of `cached_property`
class View:
    """Which Python a program gets, and which paths beyond the system's it can read."""

    python: Path
    read_only: tuple[Path, ...] = ()

    def options(self, *, scratch_bytes: int) -> list[str]:
        """Return the options that lay out the file system: all of it read-only, but for /tmp."""
        return ["--perms", "1777", "--size", str(scratch_bytes), "--tmpfs", SCRATCH, *self._fixed]

    @cached_property
    def _fixed(self) -> list[str]:
        """Return the options that are the same for every program, behind the one for /tmp: paths may lie in there."""
        return [
            *("--ro-bind", "/usr", "/usr"),
            *_merged(),
            *("--perms", "0755", "--dir", "/etc"),
            *_words(("--ro-bind-try", path, path) for path in _ETC),
            *("--proc", "/proc", "--dir", "/dev"),
            *_words(("--dev-bind", f"/dev/{name}", f"/dev/{name}") for name in _DEVICES),
            *_words(
                ("--symlink", f"/proc/self/fd{end}", f"/dev/{name}")
                for name, end in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2"))
            ),
            *("--symlink", SCRATCH, "/dev/shm"),  # noqa: S108 - POSIX semaphores, and bounded as the rest of /tmp is
            *_words(_shown(path) for path in self._beyond_system),
            *("--perms", "0777", "--dir", BOX),
            *("--remount-ro", "/proc", "--remount-ro", "/", "--chdir", BOX, "--clearenv"),
            *_words(("--setenv", name, value) for name, value in _ENVIRONMENT.items()),
        ]

    def words(self, program: Program) -> list[str]:
        """Return the program's command as it runs inside. Raises `SandboxError` where there is no such command."""
        first, *rest = program.command or [""]
        if first == PYTHON:
            return [str(self.python), *_PYTHON_FLAGS, *rest]
        if not self._found(first, program.files):
            raise SandboxError(f"There is no command {first!r} in the sandbox.")
        return [first, *rest]

    def _found(self, name: str, files: Mapping[str, bytes]) -> bool:
        if "/" not in name:
            return bool(name) and shutil.which(name, path=SEARCH_PATH) is not None
        if not name.startswith("/"):
            return str(PurePosixPath(name)) in {str(PurePosixPath(file)) for file in files}
        roots = [Path("/usr"), *map(Path, _MERGED), *self._beyond_system]
        return any(Path(name).is_relative_to(root) for root in roots) and os.access(name, os.X_OK)

    @cached_property
    def _beyond_system(self) -> list[Path]:
        """Return the paths to show that don't lie in /usr, among them the place where the Python is installed."""
        real = Path(os.path.realpath(self.python))
        shown = [_installation(real), *([] if self.python == real else [self.python]), *self.read_only]
        return [path for path in dict.fromkeys(shown) if not path.is_relative_to("/usr")]


def placed(files: Mapping[str, bytes]) -> list[str]:
    """Return where in the sandbox the files go, in their order.

    Raises `SandboxError` for a name that would lead out of the program's directory, and for more than fits there.
    """
    if sum(map(len, files.values())) > SCRATCH_BYTES // 2:
        raise SandboxError(f"The program's files are larger than {SCRATCH_BYTES // 2} bytes together.")
    for name in files:
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or name.endswith("/") or ".." in parts or "\0" in name:
            raise SandboxError(f"{name!r} is no name for a program's file.")
    return [f"{BOX}/{PurePosixPath(name)}" for name in files]


def directories(places: Iterable[str]) -> list[str]:
    """Return the options that make the directories above the places, writable for the program."""
    above = (str(path) for place in places for path in reversed(PurePosixPath(place).parents))
    inner = dict.fromkeys(path for path in above if path.startswith(f"{BOX}/"))
    return _words(("--perms", "0777", "--dir", path) for path in inner)


def _shown(path: Path) -> list[str]:
    """Return the options that show a path; what is above it exists, can be passed, and is empty otherwise."""
    above = [str(parent) for parent in reversed(path.parents) if parent != Path("/") and str(parent) != SCRATCH]
    return [*_words(("--perms", "0755", "--dir", parent) for parent in above), "--ro-bind", str(path), str(path)]


def _installation(python: Path) -> Path:
    """Return the directory that a Python is installed in, or the interpreter alone where it doesn't look like one."""
    prefix = python.parent.parent
    return prefix if prefix != Path("/") and any(prefix.glob("lib*/python3*/os.py")) else python


def _merged() -> list[str]:
    """Return options for /bin and its like: links into /usr on most systems, directories on some."""
    return _words(
        ("--symlink", str(Path(path).readlink()), path) if Path(path).is_symlink() else ("--ro-bind-try", path, path)
        for path in _MERGED
    )


def _words(groups: Iterable[Iterable[str]]) -> list[str]:
    return [word for group in groups for word in group]
