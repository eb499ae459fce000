"""A program that looks, from inside a sandbox, for what must not be there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from app.sandbox.base import PYTHON, Limits, Program

if TYPE_CHECKING:
    from app.sandbox.base import Ended

_LOOK_AROUND = """
import json, os

def fields(path):
    return dict(line.split(":", 1) for line in open(path) if ":" in line)

def succeeds(action):
    try:
        action()
    except OSError:
        return False
    return True

status = fields("/proc/self/status")
print(json.dumps({
    "user": os.getuid(),
    "capabilities": [int(status[kind], 16) for kind in ("CapPrm", "CapEff", "CapInh", "CapAmb")],
    "new_privileges": status["NoNewPrivs"].strip() != "1",
    "filtered": status["Seccomp"].strip() == "2",
    "interfaces": sorted(name.strip() for name in fields("/proc/net/dev") if name.strip().islower()),
    "processes": sum(name.isdecimal() for name in os.listdir("/proc")),
    "passwords": succeeds(lambda: open("/etc/shadow")),
    "writable": [path for path in ("/", "/usr", "/dev", "/etc") if succeeds(lambda: open(path + "/.probe", "w"))],
}))
"""

PROBE = Program(command=[PYTHON, "-c", _LOOK_AROUND], limits=Limits(wall_s=20.0))
_MOST_PROCESSES = 4


class _Found(msgspec.Struct):
    user: int
    capabilities: list[int]
    new_privileges: bool
    filtered: bool
    interfaces: list[str]
    processes: int
    passwords: bool
    writable: list[str]


def shortcoming(ended: Ended) -> str | None:
    """Return what is wrong with the isolation in which `PROBE` ended so; None where nothing is."""
    try:
        found = msgspec.json.decode(ended.stdout, type=_Found)
    except msgspec.MsgspecError:
        words = ended.stderr.decode(errors="replace").strip()[-300:]
        return f"a Python that looks around {ended.how.replace('_', ' ')} (status {ended.code}): {words or 'no words'}"
    problems = {
        "programs run as root": found.user == 0,
        "programs hold capabilities": any(found.capabilities),
        "programs may gain privileges": found.new_privileges,
        "system calls aren't filtered": not found.filtered,
        f"there are network interfaces: {', '.join(found.interfaces)}": set(found.interfaces) - {"lo"},
        "other processes can be seen": found.processes > _MOST_PROCESSES,
        "/etc/shadow can be read": found.passwords,
        f"programs can write to {', '.join(found.writable)}": found.writable,
    }
    return next((problem for problem, holds in problems.items() if holds), None)
