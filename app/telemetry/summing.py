"""Expositions of several processes, made one."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_COUNTED = ("counter", "histogram")
_CREATED = "_created"
_STATES = ("_up", "_serving")


class Summed(Collector):
    """The sum of expositions: `live` ones as they are, and of those `past` what is counted.

    Gauges are summed, too, but of a state (`_up`, `_serving`) it is the best, and of a series' start the first.
    """

    def __init__(self, live: Iterable[bytes], past: Iterable[bytes] = ()) -> None:
        self._families: dict[str, Metric] = {}
        self._values: dict[str, dict[tuple[str, frozenset[tuple[str, str]]], float]] = {}
        for exposition in live:
            for family in _families(exposition):
                self._add(family)
        for exposition in past:
            for family in _families(exposition):
                if family.type in _COUNTED or family.name.endswith(_CREATED):
                    self._add(family)

    def collect(self) -> Iterable[Metric]:
        """Yield each family with its sums."""
        for name, known in self._families.items():
            summed = Metric(name, known.documentation, known.type)
            for (sample, labels), value in self._values[name].items():
                summed.add_sample(sample, dict(labels), value)
            yield summed

    def _add(self, family: Metric) -> None:
        self._families.setdefault(family.name, family)
        values = self._values.setdefault(family.name, {})
        join = _joining(family.name)
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            values[key] = join(values[key], sample.value) if key in values else sample.value


def exposition(*collectors: Collector) -> bytes:
    """Return what collectors collect in Prometheus' text format."""
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    return generate_latest(registry)


def summed(live: Sequence[bytes], past: Sequence[bytes] = ()) -> bytes:
    """Return the sum of expositions as one."""
    return exposition(Summed(live, past))


def _families(exposition: bytes) -> Iterable[Metric]:
    return text_string_to_metric_families(exposition.decode())


def _joining(name: str) -> Callable[[float, float], float]:
    if name.endswith(_CREATED):
        return min
    return max if name.endswith(_STATES) else operator.add
