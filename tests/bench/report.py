"""Results as Markdown tables."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from tests.bench.figures import percentile

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.bench.figures import Memory, OwnTime, Results, Throughput, TokenCost

_MIB = 1024 * 1024


THROUGHPUT = """\
**Throughput** at {connections} connections, medians over all rounds of several starts. The upstream's row is what the
same calls take without anything between. The share of the bare loop is the median of the rounds' own shares, with the
lowest and the highest. Wanted: at least 60%."""

OWN_TIME = """\
**Own time a request** at `parallel-8` and one connection, in ms. *Outside* is the median request less the median of the
same eight calls sent straight to the upstream; *reported* is `quorum.timing.gateway_ms`. Wanted: under 5 ms."""

TOKEN_COST = """\
**CPU a million streamed tokens** at `parallel-8`, of the whole process tree."""

MEMORY = """\
**Memory** with `parallel-8` requests in flight, resident, of the whole process tree. Wanted: at most 1 MB a request."""


def markdown(results: Results, connections: int) -> str:
    """Return all tables, each with what it shows and the target that the gateway is held against."""
    sections = (
        THROUGHPUT.format(connections=connections),
        _throughput(results.throughput),
        OWN_TIME,
        _own_time(results.own_time),
        TOKEN_COST,
        _token_cost(results.token_cost),
        MEMORY,
        _memory(results.memory),
        _failures(results.failures),
    )
    return "\n\n".join(sections) + "\n"


def machine() -> str:
    """Return what the figures depend on, in words."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return f"{os.cpu_count()} cores of {cpu}, Python {platform.python_version()}"


def _throughput(found: Sequence[Throughput]) -> str:
    bare = {line.strategy: line for line in found if line.target == "bare loop"}
    return table(
        ("strategy", "target", "requests/s", "p50 ms", "p99 ms", "CPU ms a request", "of bare loop"),
        (
            (
                f"`{line.strategy}`",
                line.target,
                f"{line.per_second:.0f}",
                f"{line.percentile_ms(0.5):.1f}",
                f"{line.percentile_ms(0.99):.1f}",
                f"{line.cpu_per_request_ms:.3f}",
                _share(line.of(bare[line.strategy])) if line.target == "gateway" else "",
            )
            for line in found
        ),
    )


def _share(shares: Sequence[float]) -> str:
    return f"{median(shares):.0%} ({min(shares):.0%} to {max(shares):.0%})" if shares else ""


def _own_time(found: Sequence[OwnTime]) -> str:
    return table(
        ("target", "request p50", "upstream p50", "outside", "reported p50", "reported p99"),
        (
            (
                line.target,
                f"{line.total.percentile_ms(0.5):.2f}",
                f"{line.upstream.percentile_ms(0.5):.2f}",
                f"{line.outside_ms:.2f}",
                f"{median(line.reported_ms):.2f}" if line.reported_ms else "",
                f"{percentile(line.reported_ms, 0.99):.2f}" if line.reported_ms else "",
            )
            for line in found
        ),
    )


def _token_cost(found: Sequence[TokenCost]) -> str:
    return table(
        ("tokens", "target", "streamed", "CPU s a million", "wanted s"),
        (
            (
                line.shape,
                line.target,
                f"{line.tokens:,}",
                f"{line.cpu_per_million_s:.2f}",
                "" if line.wanted_s is None else f"< {line.wanted_s:g}",
            )
            for line in found
        ),
    )


def _memory(found: Sequence[Memory]) -> str:
    return table(
        ("target", "requests", "calls upstream", "before MiB", "peak MiB", "a request KiB", "after MiB"),
        (
            (
                line.target,
                str(line.requests),
                str(line.upstream_in_flight),
                f"{line.before / _MIB:.0f}",
                f"{line.peak / _MIB:.0f}",
                f"{line.per_request / 1024:.0f}",
                f"{line.after / _MIB:.0f}",
            )
            for line in found
        ),
    )


def _failures(failures: Sequence[str]) -> str:
    first = f" The first: `{failures[0]}`" if failures else ""
    return f"Requests that failed: {len(failures)}.{first}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table with its columns aligned."""
    listed = [header, *rows]
    widths = [max(len(row[column]) for row in listed) for column in range(len(header))]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in listed]
    lines.insert(1, " | ".join("-" * width for width in widths))
    return "\n".join(f"| {line} |" for line in lines)
