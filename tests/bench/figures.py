"""What a bench finds out, and the targets that it is held against."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured.

    The throughput is that of `starts` starts of all servers, `rounds` rounds each: a process keeps the speed that it
    happened to start with, give or take a tenth.
    Connections: `connections` for the throughput, `streaming` for the CPU a token, `paced_streaming` for the same where
    each chunk comes alone. Lengths of answers: `long_tokens` for the CPU a token, `paced_s` where it is paced. Memory:
    `in_flight` requests, held for `hold_chunks` chunks. Times are in seconds.
    """

    starts: int = 5
    rounds: int = 2
    round_s: float = 3.0
    warm_up_s: float = 1.0
    connections: int = 32
    long_tokens: int = 4000
    streaming: int = 2
    paced_s: float = 5.0
    paced_streaming: int = 16
    in_flight: int = 200
    hold_chunks: int = 40

    @classmethod
    def tiny(cls) -> Plan:
        """Return a plan that runs everything once and proves nothing but that it runs."""
        return cls(
            starts=1,
            rounds=1,
            round_s=0.3,
            warm_up_s=0.1,
            connections=4,
            long_tokens=200,
            paced_s=0.3,
            paced_streaming=2,
            in_flight=4,
            hold_chunks=4,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One run of a closed loop: the latency of every request that succeeded, and what became of those that didn't."""

    latencies_s: tuple[float, ...]
    failures: tuple[str, ...]
    elapsed_s: float

    @property
    def per_second(self) -> float:
        """Requests a second."""
        return len(self.latencies_s) / self.elapsed_s

    def percentile_ms(self, share: float) -> float:
        """Return the latency that `share` of the requests, in 0..1, didn't exceed."""
        return percentile(self.latencies_s, share) * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """The rounds of one target at one strategy, and the CPU time that its process tree took for all of them."""

    target: str
    strategy: str
    samples: tuple[Sample, ...]
    cpu_s: float

    @property
    def per_second(self) -> float:
        """Requests a second, the median of the rounds."""
        return median(sample.per_second for sample in self.samples)

    @property
    def cpu_per_request_ms(self) -> float:
        """CPU time a request in ms, which other work on the machine disturbs least."""
        served = sum(len(sample.latencies_s) for sample in self.samples)
        return self.cpu_s / served * 1000 if served else float("nan")

    def of(self, other: Throughput) -> list[float]:
        """Return the throughput as a share of the other's, round by round."""
        pairs = zip(self.samples, other.samples, strict=True)
        return [mine.per_second / others.per_second for mine, others in pairs if others.per_second]

    def __add__(self, other: Throughput) -> Throughput:
        """Return the rounds of both."""
        return replace(self, samples=self.samples + other.samples, cpu_s=self.cpu_s + other.cpu_s)

    def percentile_ms(self, share: float) -> float:
        """Return the median over the rounds of a percentile of the latency."""
        return median(sample.percentile_ms(share) for sample in self.samples)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTime:
    """A request's time at one connection, in ms: in all, and of it what the same calls take without the gateway.

    `reported_ms` are the values of `quorum.timing.gateway_ms`, where the target reports them.
    """

    target: str
    total: Sample
    upstream: Sample
    reported_ms: tuple[float, ...]

    @property
    def outside_ms(self) -> float:
        """The median request less the median of its upstream calls."""
        return self.total.percentile_ms(0.5) - self.upstream.percentile_ms(0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCost:
    """CPU of a target's process tree while `tokens` streamed through it."""

    target: str
    shape: str
    tokens: int
    cpu_s: float
    sample: Sample
    wanted_s: float | None = None

    @property
    def cpu_per_million_s(self) -> float:
        """CPU seconds a million tokens."""
        return self.cpu_s / self.tokens * 1e6 if self.tokens else float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Resident bytes of a target's process tree around `requests` held requests.

    `upstream_in_flight` is the most calls that the upstream saw at once.
    """

    target: str
    requests: int
    upstream_in_flight: int
    before: int
    peak: int
    after: int
    sample: Sample

    @property
    def per_request(self) -> float:
        """Bytes that one request in flight adds."""
        return (self.peak - self.before) / self.requests


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Everything that one bench found."""

    throughput: tuple[Throughput, ...]
    own_time: tuple[OwnTime, ...]
    token_cost: tuple[TokenCost, ...]
    memory: tuple[Memory, ...]

    @property
    def samples(self) -> tuple[Sample, ...]:
        """Every run that was measured."""
        return (
            *(sample for line in self.throughput for sample in line.samples),
            *(sample for own in self.own_time for sample in (own.total, own.upstream)),
            *(cost.sample for cost in self.token_cost),
            *(held.sample for held in self.memory),
        )

    @property
    def failures(self) -> tuple[str, ...]:
        """What went wrong, a line a request that failed."""
        return tuple(failure for sample in self.samples for failure in sample.failures)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` of `values`, in 0..1, don't exceed; NaN of none."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
