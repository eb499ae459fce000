"""What a fleet costs and brings: the choice of a worker, and requests beside a worker that is far too slow."""

from __future__ import annotations

import re
import time
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import uvloop

from app.workers.balancing import POLICIES
from app.workers.balancing.base import Draw
from app.workers.client import HttpClient
from app.workers.pool import Pool
from app.workers.worker import ServedModel, Worker
from tests.bench.bodies import asking
from tests.bench.load import closed_loop
from tests.bench.processes import GATEWAY, front, upstream
from tests.bench.report import table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.workers.balancing import PolicyName
    from tests.bench.figures import Sample

WORKERS, SLOWER = 4, 20
FLEET = 1_000
DECISIONS = 20_000
FAN_OUT = "parallel-8"
CONNECTIONS = 16
PACE = (
    *("--tokens", "32", "--tokens-per-chunk", "4"),
    *("--delay-first", "0.1", "--delay-per-chunk", "0.1", "--sigma", "0.4"),
)
WANTED_RATIO, WANTED_HEDGES, WANTED_DECISION_US = 1.3, 0.05, 20.0

WORDING = """\
**A fleet with a slow worker.** `{strategy}` from {connections} connections for {seconds:g} s each through a gateway to
scripted workers, whose times to the first token and from chunk to chunk are lognormal (medians 0.1 s, sigma 0.4; 8
chunks): first to {fast} of them, then to the same and one more that is {slower} times slower. A *decision* is
`Pool.pick` among {fleet:,} workers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetFigures:
    """Requests without and with the slow worker, what was hedged and retried with it, and microseconds a decision."""

    seconds: float
    without: Sample
    beside: Sample
    calls: float
    hedges: float
    retries: float
    ejections: float
    decision_us: dict[PolicyName, float]

    @property
    def failures(self) -> int:
        """Requests that failed."""
        return len(self.without.failures) + len(self.beside.failures)

    def markdown(self) -> str:
        """Return the table, with what is wanted."""
        without, beside = self.without, self.beside
        ratio = percentile(beside.latencies_s, 0.99) / percentile(without.latencies_s, 0.99)
        rows = [
            ("requests without, with the slow one", f"{len(without.latencies_s)}, {len(beside.latencies_s)}", ""),
            ("p50 without, with", _pair(without, beside, 0.5), ""),
            ("p99 without, with", _pair(without, beside, 0.99), ""),
            ("p99 with of p99 without", f"{ratio:.2f}", f"<= {WANTED_RATIO:g}"),
            ("calls hedged", f"{self.hedges / self.calls:.1%}", f"< {WANTED_HEDGES:.0%}"),
            ("calls moved from the ejected worker", f"{self.retries / self.calls:.1%}", ""),
            ("times that a worker was ejected", f"{self.ejections:g}", ""),
            ("requests that failed", f"{self.failures}", "0"),
        ]
        for name, us in self.decision_us.items():
            wanted = f"< {WANTED_DECISION_US:g} us" if name == "two_choices" else ""
            rows.append((f"decision, `{name}`", f"{us:.1f} us", wanted))
        text = WORDING.format(
            strategy=FAN_OUT,
            connections=CONNECTIONS,
            seconds=self.seconds,
            fast=WORKERS - 1,
            slower=SLOWER,
            fleet=FLEET,
        )
        return f"{text}\n\n{table(('figure', 'measured', 'wanted'), rows)}\n"


def measure_fleet(say: Callable[[str], None], *, seconds: float = 60.0) -> FleetFigures:
    """Measure requests without and with the slow worker, and decisions."""
    decision_us: dict[PolicyName, float] = {name: decision(name) for name in POLICIES}
    say(f"{FAN_OUT} before {WORKERS - 1} workers, {seconds:g} s")
    without, _ = _loaded([1] * (WORKERS - 1), seconds)
    say(f"the same and one that is {SLOWER} times slower")
    beside, metrics = _loaded([1] * (WORKERS - 1) + [SLOWER], seconds)
    return FleetFigures(
        seconds=seconds,
        without=without,
        beside=beside,
        calls=8.0 * len(beside.latencies_s),
        hedges=_sum(metrics, "quorum_hedges_total"),
        retries=_sum(metrics, "quorum_retries_total"),
        ejections=_sum(metrics, "quorum_worker_ejections_total"),
        decision_us=decision_us,
    )


def decision(name: PolicyName) -> float:
    """Return the microseconds that one choice among `FLEET` workers takes by a policy."""
    served = {"m": ServedModel(id="m")}
    workers = [Worker(id=f"w{number}", locate=str, models=served, up=True) for number in range(FLEET)]
    pool = Pool(workers, HttpClient(connect_s=1.0, idle_s=1.0), probe_s=60.0, policy=POLICIES[name]())
    draws = [Draw(tokens=512, prefix=number * 2_654_435_761 % 2**32) for number in range(256)]
    pool.pick("m", draws[0])
    decisions = DECISIONS if name != "least_outstanding" else DECISIONS // 100
    began = time.perf_counter()
    for number in range(decisions):
        pool.pick("m", draws[number % len(draws)]).load.begin(1, 512)
    return (time.perf_counter() - began) / decisions * 1e6


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` of all don't exceed, in the values' unit."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if share != 0.5 else median(ordered)


def _loaded(paces: Sequence[float], seconds: float) -> tuple[Sample, str]:
    """Load a gateway before workers of these paces; return what it did and what its metrics say at the end."""
    with ExitStack() as stack:
        workers = [
            stack.enter_context(upstream(*PACE, "--slower", str(pace), "--random-seed", str(number)))
            for number, pace in enumerate(paces)
        ]
        gateway = stack.enter_context(front("gateway", GATEWAY, *workers))
        sample = uvloop.run(closed_loop(gateway.port, asking(FAN_OUT), connections=CONNECTIONS, seconds=seconds))
        with urllib.request.urlopen(f"{gateway.url}/metrics") as response:  # noqa: S310 - our own loopback
            return sample, response.read().decode()


def _sum(metrics: str, name: str) -> float:
    return sum(map(float, re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", metrics, re.MULTILINE)))


def _pair(one: Sample, other: Sample, share: float) -> str:
    return f"{percentile(one.latencies_s, share):.2f} s, {percentile(other.latencies_s, share):.2f} s"
