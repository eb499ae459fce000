from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import asyncio, ctypes, pathlib
from app.sandbox.base import Program
from app.sandbox.bubblewrap import Bubblewrap

SUBREAPER = 36  # orphans are left to this process, as they are to the first one of a container
ctypes.CDLL(None).prctl(SUBREAPER, 1)

async def main():
    sandbox = Bubblewrap(slots=2)
    for _ in range(3):
        await sandbox.run(Program(command=["true"]))

asyncio.run(main())
print(pathlib.Path("/proc/thread-self/children").read_text().split())
"""


def test_a_server_that_orphans_are_left_to_keeps_no_dead_sandboxes() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)  # noqa: S603
    assert (done.stdout, done.stderr) == ("[]\n", "")
