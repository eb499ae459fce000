"""How many CPUs there are to compute with."""

from __future__ import annotations

import os
from pathlib import Path


def default_threads() -> int:
    """Return how many threads compute: one fewer than the CPUs that this process may use, at least one.

    CPUs that a container's limit leaves count, not those of its host.

    The threads wait for each other in a busy loop after every layer. With as many as there are CPUs, any other busy
    process, the gateway among them, costs far more than it uses: on two CPUs with a load of 3, two threads took
    3 to 16 s for what one did in 0.7 s; left alone, two are 1.6 times as fast as one.
    """
    return max(1, usable_cpus() - 1)


def usable_cpus() -> int:
    """Return how many CPUs this process may use, at least one: those that a container's limit leaves it."""
    affinity = getattr(os, "sched_getaffinity", None)
    cpus = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    return min(cpus, cpu_quota() or cpus)


def cpu_quota(root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Return the CPUs that a container's limit comes to, at least one; None without a limit.

    A container under a limit still sees all of its host's CPUs, and as many threads would wait for each other in vain.
    Reads the files of both versions of cgroups, as they stand inside a container.
    """
    try:
        if (root / "cpu.max").exists():
            quota, period = (root / "cpu.max").read_text(encoding="ascii").split()
        else:
            quota, period = ((root / "cpu" / f"cpu.cfs_{name}_us").read_text("ascii") for name in ("quota", "period"))
        return max(1, int(quota) // int(period)) if int(quota) > 0 else None
    except (OSError, ValueError):  # there are no such files, or the limit is `max`
        return None
