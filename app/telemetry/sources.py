"""Metrics of where workers come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from prometheus_client import Metric

    from app.workers.discovery.base import Source


class SourceCollector(Collector):
    """Reads the standing of each source whenever the metrics are asked for."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources

    def collect(self) -> Iterable[Metric]:
        """Yield whether each source could be asked last, and how often it could not."""
        up = GaugeMetricFamily("quorum_source_up", "Whether the source of workers could be asked.", labels=["source"])
        failures = CounterMetricFamily("quorum_source_failures", "Times that it could not be.", labels=["source"])
        for source in self._sources:
            up.add_metric([source.name], float(source.standing.up))
            failures.add_metric([source.name], source.standing.failures)
        return up, failures
