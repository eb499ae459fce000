"""What the kernel itself holds a program to, and its place in the line for the CPU and for the OOM killer."""

from __future__ import annotations

import math
import os
import re
import resource
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from app.sandbox.view import SCRATCH_BYTES

if TYPE_CHECKING:
    from app.sandbox.base import Limits

OPEN_FILES = 64
_NICENESS = 10
_FIRST_TO_GO = b"1000"
_GROUPS_PRIORITY = re.compile(rb"nice (-?\d+)")


def confine(pid: int, limits: Limits, *, handed: int, count_processes: bool) -> None:
    """Put a process and all that it will start under its limits, at low priority.

    `handed` descriptors are passed to it beside those that it may open. `count_processes` is False where the number of
    processes must not be limited yet, because the user that `pid` runs as has others. CPU time is bounded only for
    the case that nobody is left to look at the clock: every CPU, for as long as the program may take.
    """
    memory = limits.memory_mb * 2**20
    cpu_s = math.ceil(limits.wall_s) * (os.cpu_count() or 1) + 1
    rlimits = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CPU: cpu_s,
        resource.RLIMIT_FSIZE: SCRATCH_BYTES,
        resource.RLIMIT_NOFILE: OPEN_FILES + handed,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    if count_processes:
        rlimits[resource.RLIMIT_NPROC] = limits.processes
    for kind, most in rlimits.items():
        limit = attainable(kind, most)
        resource.prlimit(pid, kind, (limit, limit))
    os.setpriority(os.PRIO_PROCESS, pid, max(_NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))
    with suppress(PermissionError):  # hardened systems may not let it, and it isn't what protects anything
        Path(f"/proc/{pid}/oom_score_adj").write_bytes(_FIRST_TO_GO)


def attainable(kind: int, most: int) -> int:
    """Return the limit that a process started from here can be given: this process's own may be lower."""
    _, hard = resource.getrlimit(kind)
    return most if hard == resource.RLIM_INFINITY else min(most, hard)


def give_way(pid: int) -> None:
    """Lower the priority of a process's session too, unless that has been done.

    Where Linux shares the CPU among sessions (kernel.sched_autogroup_enabled), the priority of a process counts within
    its session only. Each begins at the usual one; who isn't root can change one every 0.1 s, and asks again.
    """
    path = Path(f"/proc/{pid}/autogroup")
    with suppress(OSError):  # the kernel knows no such groups, or the process has ended
        told = _GROUPS_PRIORITY.search(path.read_bytes())
        if told is not None and int(told[1]) < _NICENESS:
            path.write_bytes(b"%d" % _NICENESS)
