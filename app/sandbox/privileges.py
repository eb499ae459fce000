"""As whom a program runs, so that it has no rights, and that its processes are counted apart from all others."""

from __future__ import annotations

import os
import resource
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from app.sandbox.rlimits import attainable

if TYPE_CHECKING:
    from app.sandbox.base import Limits

_MANY_USERS = 0x70000000
"""Where numbers of users begin that nothing uses (systemd's list of ranges): 2**28 of them."""

_FEW_USERS = 61_184
"""The same, where a container knows 65,536 users: 4,335 of them, meant for services that come and go."""

_END_OF_FEW = 65_519


class AsRoot:
    """For a server that runs as root: the program is a user of its own that nothing else on the machine has.

    No user namespace is made: in one, the program would be root's as far as Linux is concerned, which counts no
    processes of root's. bubblewrap keeps the rights to change the user until `setpriv` has done so, and gives up all.
    """

    options = (
        *("--cap-drop", "ALL"),
        *("--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP"),
    )
    counts_processes = True

    def __init__(self, slots: int) -> None:
        self._first_user = _first_user(slots)

    def prefix(self, slot: int, limits: Limits) -> list[str]:  # noqa: ARG002 - set before, from outside
        """Return the words before a command that give up root's rights."""
        user = str(self._first_user + slot)
        drop = ("--clear-groups", "--inh-caps=-all", "--bounding-set=-all", "--")
        return ["setpriv", "--reuid", user, "--regid", user, *drop]


class AsUser:
    """For a server that runs as any other user: the program is that user, in a user namespace in which it isn't root.

    Linux (5.14 and newer) counts processes within that namespace, so the limit is set when the process is in it; one of
    those counted is bubblewrap's own.
    """

    options = ("--unshare-user", "--disable-userns", "--uid", "1000", "--gid", "1000", "--cap-drop", "ALL")
    counts_processes = False

    def prefix(self, slot: int, limits: Limits) -> list[str]:  # noqa: ARG002 - there's nothing of the slot's own
        """Return the words before a command that limit its processes."""
        most = attainable(resource.RLIMIT_NPROC, limits.processes + 1)
        return ["prlimit", f"--nproc={most}", "--"]


def own_privileges(slots: int) -> AsRoot | AsUser:
    """Return what fits the user that this process runs as."""
    return AsRoot(slots) if os.geteuid() == 0 else AsUser()


def _first_user(slots: int) -> int:
    """Return the first of `slots` numbers of users, drawn by chance: those of two servers must not be the same."""
    with suppress(OSError, ValueError):
        known = sum(int(line.split()[2]) for line in Path("/proc/self/uid_map").read_text("ascii").splitlines())
        if known >= _MANY_USERS + 2**28:
            return _MANY_USERS + secrets.randbelow(2**28 - slots)
    return _FEW_USERS + secrets.randbelow(_END_OF_FEW - _FEW_USERS - slots)
