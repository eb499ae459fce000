"""What ends vLLM where `quorum worker` can't do it any more, as it was killed: a small process of its own.

    python last_will.py GROUP PATIENCE

It is a plain script, so that it starts at once and holds little memory. It waits for the end of stdin, a pipe whose
other end `quorum worker` holds, and which the kernel closes however that one ends. Then it sends SIGTERM to the leader
of the process group GROUP, and SIGKILL to all of the group once the leader is gone, or after PATIENCE seconds. (The
kernel's parent-death signal would reach the leader alone, and vLLM's engines outlive a leader that is killed.)
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

LOOK_S = 0.1


def main() -> None:
    """Wait, then end the group."""
    group, patience_s = int(sys.argv[1]), float(sys.argv[2])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # whoever ends a whole session with them ends us last
    while os.read(0, 4_096):
        pass
    with suppress(ProcessLookupError):
        os.kill(group, signal.SIGTERM)
        give_up = time.monotonic() + patience_s
        while time.monotonic() < give_up and is_running(group):
            time.sleep(LOOK_S)
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def is_running(pid: int) -> bool:
    """Whether the process is there, and not merely waiting to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return not Path("/proc/self").exists() and exists(pid)
    except ProcessLookupError:
        return False


def exists(pid: int) -> bool:
    """Whether there is such a process, where there is no /proc to look closer."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    main()
