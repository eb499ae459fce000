"""The metrics of all processes of a server, whichever of them is asked."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from app.siblings.place import replace
from app.telemetry.ended import past_counts
from app.telemetry.summing import Summed, exposition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from prometheus_client import Metric

    from app.siblings.channel import Channel
    from app.siblings.place import Place

QUESTION = "metrics"
REQUESTS = b"quorum_requests_total{"


class Together:
    """Sums up `own` metrics and those of the siblings.

    What a process tells, it leaves in a file as well, so that its counts stay in the sum when it has ended or can't
    answer: a sum that fell would look like a start anew, and be counted twice.
    """

    def __init__(self, own: Callable[[], bytes], channel: Channel) -> None:
        self._own = own
        self._channel = channel
        self._lock = asyncio.Lock()

    async def tell(self, _text: str = "") -> bytes:
        """Return this process's metrics."""
        place = self._channel.place
        async with self._lock:
            told = self._own()
            with suppress(OSError):  # a full disk costs the counts of a process that dies, and no more
                await asyncio.to_thread(replace, place.metrics(place.index), told)
        return told

    async def expose(self) -> bytes:
        """Return the sum; siblings that don't answer in time have their last counts in it, and are missing."""
        place = self._channel.place
        answers = await self._channel.ask(QUESTION)
        live = {index: told for index, told in answers.items() if told is not None}
        live[place.index] = await self.tell()
        return await asyncio.to_thread(_sum, place, live)


class ProcessCollector(Collector):
    """Tells of the processes themselves: `answered` has the metrics of those that answered, by number."""

    def __init__(self, count: int, answered: Mapping[int, bytes]) -> None:
        self._count = count
        self._answered = answered

    def collect(self) -> Iterable[Metric]:
        """Yield how many there are and are missing, and what each has done."""
        yield GaugeMetricFamily("quorum_processes", "Processes that answer.", value=len(self._answered))
        missing = self._count - len(self._answered)
        yield GaugeMetricFamily("quorum_processes_missing", "Processes that don't.", value=missing)
        requests = CounterMetricFamily("quorum_process_requests", "Requests a process.", labels=["process"])
        for index, told in sorted(self._answered.items()):
            requests.add_metric([str(index)], _requests(told))
        yield requests


def _sum(place: Place, live: Mapping[int, bytes]) -> bytes:
    absent = [index for index in range(place.count) if index not in live]
    everybody = Summed(live.values(), past_counts(place, absent))
    return exposition(everybody, ProcessCollector(place.count, live))


def _requests(told: bytes) -> float:
    return sum(float(line.rpartition(b" ")[2]) for line in told.split(b"\n") if line.startswith(REQUESTS))
