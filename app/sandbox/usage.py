"""How much memory a sandbox holds, all of its processes together, as seen from outside."""

from __future__ import annotations

import os

import msgspec

from app.sandbox.view import SCRATCH


class Usage(msgspec.Struct, frozen=True):
    """Bytes held by processes and by files in memory, and the number of such files."""

    memory: int
    files: int


def used(init: int) -> Usage:
    """Return what the sandbox holds whose first process is `init`; nothing where that has ended or is being set up.

    Pages that processes share after a fork count for each of them: to tell, the kernel would have to walk all of their
    pages. Its own /proc lists a sandbox's processes, so that this takes as long whatever else the machine runs.
    """
    root = f"/proc/{init}/root"
    try:
        if os.path.samefile(root, "/"):  # noqa: PTH121 - it has not left this machine's file system yet
            return Usage(0, 0)
        scratch = os.statvfs(root + SCRATCH)
        names = os.listdir(f"{root}/proc")  # noqa: PTH208 - names are wanted, many times a second
    except OSError:
        return Usage(0, 0)
    written = (scratch.f_blocks - scratch.f_bfree) * scratch.f_frsize
    held = sum(_held(f"{root}/proc/{name}") for name in names if name.isdecimal())
    return Usage(written + held, scratch.f_files - scratch.f_ffree)


def _held(process: str) -> int:
    """Return the bytes that one process holds and no file on a disk backs; 0 where it has ended.

    Its first thread may have ended before the others: the kernel tells then only of them what the process holds.
    """
    held = _told(f"{process}/status")
    if held is not None:
        return held
    try:
        threads = os.listdir(f"{process}/task")  # noqa: PTH208 - as above
    except OSError:
        return 0
    told = (_told(f"{process}/task/{thread}/status") for thread in threads)
    return next((each for each in told if each is not None), 0)


def _told(status: str) -> int | None:
    """Return the bytes that a thread's status tells of; None where it has ended."""
    try:
        with open(status, "rb") as lines:  # noqa: PTH123 - many times a second
            told = [1024 * int(line.split()[1]) for line in lines if line.startswith((b"RssAnon:", b"RssShmem:"))]
    except OSError:
        return None
    return sum(told) if told else None
