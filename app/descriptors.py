"""How many files and connections this process may have open."""

from __future__ import annotations

import resource

WANTED = 65_536
"""Connections to clients and workers together, at most; a fan-out takes one for each candidate."""


def allow_many() -> int:
    """Let this process and its children have as many open as the system lets it, up to `WANTED`; return the number.

    Shells and service managers give 1,024, for the sake of programs that can't deal with more.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
