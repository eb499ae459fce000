"""Metrics of the workers, read whenever they are asked for, as workers come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from app.workers.health import Reason
from app.workers.roster import NAME_TAKEN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from app.workers.pool import Pool


class FleetCollector(Collector):
    """Reads a pool. Workers that are gone are no longer in it.

    What may be counted is there from the start, with 0: a series that begins with 1 has grown from nothing, which
    Prometheus' `increase` and `rate` don't see.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def collect(self) -> Iterator[Metric]:
        """Yield what the pool knows now."""
        by_worker = ("worker",)
        up = GaugeMetricFamily("quorum_worker_up", "Whether the worker answers.", labels=by_worker)
        serving = GaugeMetricFamily("quorum_worker_serving", "Whether it is given candidates.", labels=by_worker)
        busy = GaugeMetricFamily("quorum_worker_in_flight", "Candidates in flight.", labels=by_worker)
        tokens = GaugeMetricFamily("quorum_worker_outstanding_tokens", "Tokens they may take.", labels=by_worker)
        for worker in self._pool.workers:
            up.add_metric([worker.id], float(worker.up))
            serving.add_metric([worker.id], float(worker.serves))
            busy.add_metric([worker.id], worker.load.in_flight)
            tokens.add_metric([worker.id], worker.load.outstanding)
        yield from (up, serving, busy, tokens)
        ejected = CounterMetricFamily(
            "quorum_worker_ejections", "Times that a worker was taken out of service.", labels=("worker", "reason")
        )
        for worker in self._pool.workers:
            for reason in Reason:
                ejected.add_metric([worker.id, reason], self._pool.ejector.ejections[worker.id, reason])
        gone = CounterMetricFamily("quorum_worker_models_gone", "Models that it no longer serves.", labels=by_worker)
        for worker in self._pool.workers:
            gone.add_metric([worker.id], worker.models_gone)
        refused = CounterMetricFamily("quorum_workers_refused", "Workers kept out.", labels=("reason",))
        refused.add_metric([NAME_TAKEN], self._pool.roster.refused[NAME_TAKEN])
        yield from (ejected, gone, refused)
        yield CounterMetricFamily("quorum_retries", "Calls made anew.", value=self._pool.retries.taken)
        yield CounterMetricFamily("quorum_hedges", "Calls made twice.", value=self._pool.hedges.taken)
