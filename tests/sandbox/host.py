"""A process that runs programs in sandboxes as a user other than root: one pickled program in, how it ended out.

Run by root, it becomes such a user once all is imported, as that user may not be able to read this Python's files.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import sys
from pathlib import Path

import uvloop

from app.sandbox.bubblewrap import Bubblewrap

_SOMEBODY = 54_321
_PR_SET_DUMPABLE = 4


async def main() -> None:
    python = Path("/usr/bin/python3") if os.geteuid() == 0 else None
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(_SOMEBODY, _SOMEBODY, _SOMEBODY)
        os.setresuid(_SOMEBODY, _SOMEBODY, _SOMEBODY)
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1)  # as it is for processes that were never root
    sandbox = Bubblewrap(slots=1, python=python)
    while True:
        try:
            program = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the test that started this process
        except EOFError:
            return
        pickle.dump(await sandbox.run(program), sys.stdout.buffer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    uvloop.run(main())
