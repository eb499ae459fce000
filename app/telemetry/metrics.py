"""Prometheus metrics; the names and labels are those of docs/metrics.md and don't change."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from app.candidates import Fate, Usage
from app.telemetry.fleet import FleetCollector
from app.telemetry.redis import RedisCollector
from app.telemetry.sources import SourceCollector

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.candidates import Candidate
    from app.outcome import Outcome
    from app.redis_use import RedisUse
    from app.sandbox.base import Sandbox
    from app.workers.discovery.base import Source
    from app.workers.pool import Pool

M = TypeVar("M", Counter, Histogram)

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
OWN_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
RATIOS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
COUNTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64)

UNKNOWN = "unknown"
SEVERAL = "several"


class Metrics:
    """The metrics of one server, in a registry of its own."""

    def __init__(
        self, pool: Pool, sandbox: Sandbox, sources: Sequence[Source] = (), redis: Sequence[RedisUse] = ()
    ) -> None:
        self._pool = pool
        self._registry = CollectorRegistry()
        self._children: dict[tuple[object, tuple[str, ...]], Counter | Histogram] = {}
        by_strategy = ("model", "strategy")
        self._requests = self._counter("requests", "Requests by how they ended.", (*by_strategy, "outcome"))
        self._duration = self._histogram("request_duration_seconds", "Whole requests.", by_strategy, SECONDS)
        self._candidates = self._counter("candidates", "Candidates by their fate.", (*by_strategy, "fate"))
        self._tokens = self._counter("tokens", "Tokens by kind and fate.", ("model", "kind", "fate"))
        self._cost = self._counter("cost_usd", "Money spent, in US dollars.", by_strategy)
        self._gateway = self._histogram("gateway_seconds", "The gateway's own time a request.", (), OWN_SECONDS)
        self._agreement = self._histogram("agreement_ratio", "Winner's votes over votes cast.", by_strategy, RATIOS)
        self._distinct = self._histogram("distinct_answers", "Clusters of equivalent answers.", by_strategy, COUNTS)
        self._similarity = self._histogram("similarity", "Mean pairwise similarity.", by_strategy, RATIOS)
        self._vendi = self._histogram("vendi_score", "Effective number of candidates.", by_strategy, COUNTS)
        self._copying = self._histogram("copy_ratio", "Mean copy ratio.", by_strategy, (0.0, *RATIOS))
        self._early_stops = self._counter("early_stops", "Runs ended early, by what ended them.", ("rule",))
        self._saved = self._counter(
            "saved_completion_tokens_estimate", "Tokens spared by ending early, estimated.", by_strategy
        )
        self._stop_failures = self._counter("stop_failures", "Stop rules that broke.", ("rule",))
        self._verdicts = self._counter("verdicts", "Verdicts by status.", ("verifier", "status"))
        self._waiting = Gauge(
            "quorum_queue_waiting", "Requests that wait for their turn.", ("model",), registry=self._registry
        )
        by_priority = ("model", "priority")
        self._queueing = self._histogram("queue_seconds", "Time in the queue.", by_priority, (0.0, *SECONDS))
        self._rejected = self._counter("rejected", "Requests turned away as overloaded.", ("model",))
        self._registry.register(FleetCollector(pool))
        self._registry.register(SourceCollector(sources))
        self._registry.register(RedisCollector(redis))
        self._gauge("sandbox_running", "Programs that run in the sandbox.", lambda: sandbox.running)
        self._gauge("sandbox_waiting", "Programs that wait for their turn.", lambda: sandbox.waiting)

    def answered(self, outcome: Outcome) -> None:
        """Count a run that came to an answer."""
        labels = (outcome.job.model, outcome.job.strategy.name)
        self._child(self._requests, *labels, "ok").inc()
        self._child(self._duration, *labels).observe(outcome.timing.total_ms / 1_000)
        self._gateway.observe(outcome.timing.gateway_ms / 1_000)
        self._child(self._agreement, *labels).observe(outcome.decision.agreement)
        self._count_candidates(outcome, labels)
        self._measure_diversity(outcome, labels)
        if outcome.cost.usd is not None:
            self._child(self._cost, *labels).inc(outcome.cost.usd)
        self._child(self._saved, *labels).inc(outcome.cost.saved_estimate)
        if outcome.stopped_by:
            self._child(self._early_stops, outcome.stopped_by).inc()
        for rule in outcome.broken_rules:
            self._child(self._stop_failures, rule).inc()

    def failed(self, *, model: str | None, strategy: str | None, outcome: str) -> None:
        """Count a request that ended with the error code `outcome`; what isn't known to be a model is not a label."""
        self._child(self._requests, model or UNKNOWN, strategy or UNKNOWN, outcome).inc()

    def queue_is(self, model: str, waiting: int) -> None:
        """Show how many requests wait for a model."""
        self._waiting.labels(model).set(waiting)

    def waited(self, model: str, priority: str, seconds: float) -> None:
        """Count a request that has left the queue, or that didn't have to join it."""
        self._child(self._queueing, model, priority).observe(seconds)

    def rejected(self, model: str) -> None:
        """Count a request that was turned away as there are too many."""
        self._child(self._rejected, model).inc()

    def expose(self) -> bytes:
        """Return all metrics in Prometheus' text format; those of a queue also for models that nobody waited for."""
        for model in {name for worker in self._pool.workers for name in worker.models}:
            self._waiting.labels(model)
            self._child(self._rejected, model)
        return generate_latest(self._registry)

    def _count_candidates(self, outcome: Outcome, labels: tuple[str, str]) -> None:
        alike: dict[tuple[str, str], list[Candidate]] = {}
        for candidate in outcome.candidates:
            of = (candidate.model or labels[0], (candidate.fate or Fate.FAILED).value)
            alike.setdefault(of, []).append(candidate)
        for (model, fate), candidates in alike.items():
            self._child(self._candidates, *labels, fate).inc(len(candidates))
            self._count_tokens(model, sum((candidate.usage for candidate in candidates), Usage()), fate)
        for waste in outcome.cost.wasted:
            self._count_tokens(labels[0], waste.usage, waste.fate.value)
        for model, usage in outcome.cost.beside.items():
            self._count_tokens(model, usage, Fate.VERIFIER.value)
        names = {part.name for part in outcome.job.strategy.verifiers}
        verifier = names.pop() if len(names) == 1 else SEVERAL
        for status in (one.verdict.status for one in outcome.candidates if one.verdict):
            self._child(self._verdicts, verifier, status).inc()

    def _count_tokens(self, model: str, usage: Usage, fate: str) -> None:
        self._child(self._tokens, model, "prompt", fate).inc(usage.prompt)
        self._child(self._tokens, model, "prompt_cached", fate).inc(usage.cached)
        self._child(self._tokens, model, "completion", fate).inc(usage.completion)

    def _measure_diversity(self, outcome: Outcome, labels: tuple[str, str]) -> None:
        diversity = outcome.diversity
        self._child(self._distinct, *labels).observe(diversity.distinct_answers)
        self._child(self._copying, *labels).observe(diversity.mean_copy_ratio)
        if diversity.mean_pairwise_similarity is not None:
            self._child(self._similarity, *labels).observe(diversity.mean_pairwise_similarity)
        if diversity.vendi_score is not None:
            self._child(self._vendi, *labels).observe(diversity.vendi_score)

    def _child(self, metric: M, *labels: str) -> M:
        """Return the metric under these labels; remembered, as prometheus_client looks them up anew each time."""
        key = (metric, labels)
        if key not in self._children:
            self._children[key] = metric.labels(*labels)
        return cast("M", self._children[key])

    def _gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Let a gauge read a number whenever it is asked."""
        Gauge(f"quorum_{name}", text, registry=self._registry).set_function(read)

    def _counter(self, name: str, text: str, labels: tuple[str, ...]) -> Counter:
        return Counter(f"quorum_{name}", text, labels, registry=self._registry)

    def _histogram(self, name: str, text: str, labels: tuple[str, ...], buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"quorum_{name}", text, labels, buckets=buckets, registry=self._registry)
