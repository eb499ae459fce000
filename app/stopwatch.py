"""A stopwatch for overlapping work."""

from __future__ import annotations

from time import perf_counter


class Stopwatch:
    """Measures for how long at least one of several overlapping activities was under way.

    Each of them is one of `whole`, too, where that is given.
    """

    __slots__ = ("_running", "_since", "_total", "_whole")

    def __init__(self, whole: Stopwatch | None = None) -> None:
        self._whole = whole
        self._running = 0
        self._since = 0.0
        self._total = 0.0

    def start(self) -> None:
        """Note that an activity begins."""
        if self._whole is not None:
            self._whole.start()
        if self._running == 0:
            self._since = perf_counter()
        self._running += 1

    def stop(self) -> None:
        """Note that an activity ends."""
        self._running -= 1
        if self._running == 0:
            self._total += perf_counter() - self._since
        if self._whole is not None:
            self._whole.stop()

    @property
    def seconds(self) -> float:
        """The time so far during which something was under way."""
        return self._total + (perf_counter() - self._since if self._running else 0.0)
