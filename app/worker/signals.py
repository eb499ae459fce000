"""The signals that end the command: the first asks, the second insists."""

from __future__ import annotations

import asyncio
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

ENDING = (signal.SIGTERM, signal.SIGINT)


class Asked:
    """Whether the end was asked for, insisted on, and by which signal last."""

    def __init__(self) -> None:
        self.once = asyncio.Event()
        self.twice = asyncio.Event()
        self.by = signal.SIGTERM

    def take(self, number: signal.Signals) -> None:
        """Take down that a signal came."""
        self.by = number
        (self.twice if self.once.is_set() else self.once).set()


@contextmanager
def asked_to_end() -> Generator[Asked]:
    """Take the signals down while the context lasts; in the main thread's event loop."""
    asked = Asked()
    loop = asyncio.get_running_loop()
    for number in ENDING:
        loop.add_signal_handler(number, asked.take, number)
    try:
        yield asked
    finally:
        for number in ENDING:
            loop.remove_signal_handler(number)
