"""Programs isolated by bubblewrap on this machine: docs/sandbox.md says from what, and by which means."""

from __future__ import annotations

import shutil
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec.structs import replace

from app.errors import SandboxError, SandboxUnavailableError
from app.sandbox.base import Ended
from app.sandbox.ceilings import Ceilings
from app.sandbox.complaints import explained
from app.sandbox.launch import Start
from app.sandbox.privileges import own_privileges
from app.sandbox.probe import PROBE, shortcoming
from app.sandbox.process import MOST_FILES, Process
from app.sandbox.proof import Proof
from app.sandbox.rlimits import confine
from app.sandbox.seccomp import filter_program
from app.sandbox.slots import Slots
from app.sandbox.view import SCRATCH_BYTES, View, directories, own_python, placed

if TYPE_CHECKING:
    from pathlib import Path

    from app.sandbox.base import Limits, Program
    from app.sandbox.process import How

_ISOLATED = (
    *("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
    *("--die-with-parent", "--new-session", "--hostname", "sandbox"),
)
_SIGNALS = range(129, 193)
"""Statuses that say, as a shell's do, that a signal ended the program."""


class Bubblewrap:
    """Runs programs in bubblewrap, at most `slots` at a time; `max_waiting` more may wait, in the order of asking.

    `python` is the interpreter that stands for `PYTHON`, by default the one that this process runs on; `read_only` are
    paths that programs can read beside the system's. Limits beyond the `ceilings` are lowered to them.

    Nothing exists before the first `check` or `run`, and nothing is left once they have returned.
    """

    def __init__(
        self,
        *,
        slots: int,
        max_waiting: int = 8_192,
        python: Path | None = None,
        read_only: tuple[Path, ...] = (),
        ceilings: Ceilings | None = None,
    ) -> None:
        self._slots = Slots(slots, max_waiting=max_waiting)
        self._view = View(python=python or own_python(), read_only=read_only)
        self._ceilings = ceilings or Ceilings()
        self._privileges = own_privileges(slots)
        self._proof = Proof(self._prove)

    @property
    def ceilings(self) -> Limits:
        """The most that a program gets, in seconds and MiB."""
        return self._ceilings.limits

    @property
    def running(self) -> int:
        """How many programs run now."""
        return self._slots.running

    @property
    def waiting(self) -> int:
        """How many programs wait for their turn."""
        return self._slots.waiting

    async def check(self) -> None:
        """Run a program that looks for what it must not find, once."""
        await self._proof.hold()

    async def run(self, program: Program) -> Ended:
        """Run a program; where nothing has been checked yet, `check` comes first."""
        await self.check()
        return await self._run(program)

    async def _prove(self) -> None:
        if problem := shortcoming(await self._run(PROBE)):
            raise SandboxUnavailableError(f"bubblewrap does not isolate programs here: {problem}.")

    async def _run(self, program: Program) -> Ended:
        limits = self._ceilings.lowered(program.limits)
        words = self._view.words(program)
        places = placed(program.files)
        async with self._slots.one() as slot:
            command = [*self._privileges.prefix(slot, limits), *words]
            process = self._started(program, limits, places, command)
            try:
                how = await process.finished(limits.wall_s, limits.memory_mb * 2**20)
            finally:
                await process.end()
        return _told(process, how, limits)

    def _started(self, program: Program, limits: Limits, places: list[str], command: list[str]) -> Process:
        """Start bubblewrap with the command in it."""
        bwrap = shutil.which("bwrap")
        if bwrap is None:
            raise SandboxUnavailableError(
                "bubblewrap isn't installed, so that programs can't be isolated: apt-get install bubblewrap, or set "
                "sandbox.url to a remote executor."
            )
        counts = self._privileges.counts_processes
        start = Start(
            bwrap=bwrap,
            command=command,
            options=self._options(limits, places),
            contents=[self._filter, *program.files.values()],
            stdin=program.stdin,
            confine=lambda pid, handed: confine(pid, limits, handed=handed, count_processes=counts),
        )
        try:
            return Process(start, limits.output_bytes)
        except OSError as error:
            raise SandboxError(f"A sandbox can't be started: {error}.") from error

    @cached_property
    def _filter(self) -> bytes:
        return filter_program()

    def _options(self, limits: Limits, places: list[str]) -> list[str]:
        """Return bubblewrap's options, with numbers in braces for contents: the filter, and the files."""
        files = (("--perms", "0777", "--file", f"{{{number}}}", place) for number, place in enumerate(places, 1))
        return [
            *_ISOLATED,
            *self._privileges.options,
            *("--seccomp", "{0}"),
            *self._view.options(scratch_bytes=min(SCRATCH_BYTES, limits.memory_mb * 2**20)),
            *directories(places),
            *(word for words in files for word in words),
        ]


def _told(process: Process, how: How, limits: Limits) -> Ended:
    """Return how the program ended; raises where it had not begun."""
    stderr = bytes(process.stderr.data)
    ended = Ended(how="killed", code=None, stdout=bytes(process.stdout.data), stderr=stderr, seconds=process.seconds)
    match how:
        case "ended" if process.exit_code is None:
            raise explained(process.returncode, stderr)
        case "ended" if process.exit_code in _SIGNALS:
            return ended
        case "ended":
            return replace(ended, how="exited", code=process.exit_code)
        case "too_much_memory":
            return _noted(ended, limits, f"it took more than {limits.memory_mb} MiB of memory")
        case "too_many_files":
            return _noted(ended, limits, f"it had more than {MOST_FILES} files")
        case "timed_out" | "too_much_output":
            return replace(ended, how=how)


def _noted(ended: Ended, limits: Limits, why: str) -> Ended:
    """Add a last line to standard error that says why the program was killed; what it printed there gives way."""
    note = f"\nquorum: killed, as {why}\n".encode()
    return replace(ended, stderr=ended.stderr[: max(0, limits.output_bytes - len(note))] + note)
