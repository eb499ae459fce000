"""Metrics of what Redis is used for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from prometheus_client import Metric

    from app.redis_use import RedisUse


class RedisCollector(Collector):
    """Reads how each use of Redis is doing whenever the metrics are asked for."""

    def __init__(self, uses: Sequence[RedisUse]) -> None:
        self._uses = uses

    def collect(self) -> Iterable[Metric]:
        """Yield whether each went well last, and how often it did not."""
        up = GaugeMetricFamily("quorum_redis_up", "Whether Redis answered last.", labels=["use"])
        failures = CounterMetricFamily("quorum_redis_failures", "Times that it did not.", labels=["use"])
        for use in self._uses:
            up.add_metric([use.name], float(use.up))
            failures.add_metric([use.name], use.failures)
        return up, failures
