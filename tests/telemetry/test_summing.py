from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from app.telemetry.summing import summed


def told(requests: int, up: float = 1.0, in_flight: float = 0.0) -> bytes:
    """Return what a process with these numbers exposes."""
    registry = CollectorRegistry()
    counter = Counter("quorum_requests", "Requests.", ("model",), registry=registry)
    histogram = Histogram("quorum_seconds", "Seconds.", buckets=(1, 2), registry=registry)
    for _ in range(requests):
        counter.labels('a "quoted"\nname').inc()
        histogram.observe(1.5)
    Gauge("quorum_worker_up", "Up.", registry=registry).set(up)
    Gauge("quorum_in_flight", "In flight.", registry=registry).set(in_flight)
    return generate_latest(registry)


def values(exposition: bytes) -> dict[str, float]:
    families = text_string_to_metric_families(exposition.decode())
    return {
        sample.name + "".join(f"/{value}" for value in sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def test_one_exposition_stays_what_it_was() -> None:
    assert values(summed([told(2)])) == values(told(2))


def test_counts_and_gauges_are_summed_and_states_are_the_best() -> None:
    assert values(summed([told(2, up=0.0, in_flight=3), told(1, up=1.0, in_flight=4)])) == {
        'quorum_requests_total/a "quoted"\nname': 3,
        "quorum_seconds_bucket/1.0": 0,
        "quorum_seconds_bucket/2.0": 3,
        "quorum_seconds_bucket/+Inf": 3,
        "quorum_seconds_count": 3,
        "quorum_seconds_sum": 4.5,
        "quorum_worker_up": 1,
        "quorum_in_flight": 7,
    }


def test_of_what_has_ended_only_counts_stay() -> None:
    found = values(summed([told(1, up=0.0, in_flight=1)], [told(4, up=1.0, in_flight=9)]))
    assert found['quorum_requests_total/a "quoted"\nname'] == 5
    assert found["quorum_seconds_count"] == 5
    assert found["quorum_worker_up"] == 0
    assert found["quorum_in_flight"] == 1


def test_types_survive_so_that_a_sum_can_be_summed_again() -> None:
    types = {family.name: family.type for family in text_string_to_metric_families(summed([told(1)]).decode())}
    assert (types["quorum_requests"], types["quorum_seconds"]) == ("counter", "histogram")
    assert values(summed([summed([told(1)]), told(1)])) == values(summed([told(1), told(1)]))


def test_nothing_is_the_sum_of_nothing() -> None:
    assert summed([], [b""]) == b""
