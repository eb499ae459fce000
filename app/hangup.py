"""SIGHUP, which has a server read its configuration anew, kept until the server can."""

from __future__ import annotations

import signal

HANGUP = frozenset({signal.SIGHUP})


def hold_hangups() -> None:
    """Keep a SIGHUP for later, for this thread and what it starts: to be called before the configuration is read.

    By itself it would end a process that is just starting, and ignoring it would leave that with the old configuration.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, HANGUP)


def take_hangups() -> None:
    """Take those that come from now on, and one that was kept; there has to be a handler."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HANGUP)
