"""CPU time and resident memory of a process and its descendants, from /proc."""

from __future__ import annotations

import os
from pathlib import Path

_PROC = Path("/proc")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_PPID, _UTIME, _STIME, _CUTIME, _CSTIME, _RSS = 1, 11, 12, 13, 14, 21
"""Fields of /proc/PID/stat counted from the one after the command's name."""


def cpu_s(pid: int) -> float:
    """Return the CPU time that the tree of `pid` has used, ended children that were waited for included."""
    ticks = (sum(int(stat[field]) for field in (_UTIME, _STIME, _CUTIME, _CSTIME)) for stat in _tree(pid).values())
    return sum(ticks) / _TICKS_PER_S


def resident_bytes(pid: int) -> int:
    """Return the resident memory of the tree of `pid`; pages that its processes share count for each."""
    return sum(int(stat[_RSS]) for stat in _tree(pid).values()) * _PAGE_BYTES


def _tree(pid: int) -> dict[int, list[str]]:
    """Return the stat fields of `pid` and of all its descendants."""
    stats = {int(entry.name): stat for entry in _PROC.iterdir() if entry.name.isdigit() and (stat := _stat(entry))}
    found: dict[int, list[str]] = {}
    wanted = {pid}
    while wanted:
        found |= {member: stats[member] for member in wanted if member in stats}
        wanted = {child for child, stat in stats.items() if int(stat[_PPID]) in wanted} - found.keys()
    return found


def _stat(entry: Path) -> list[str] | None:
    try:
        text = (entry / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None  # ended between the listing and the reading
    return text.rpartition(") ")[2].split()
