"""The bench: `python -m tests.bench`. Prints its tables; `--markdown FILE` also writes them."""

from __future__ import annotations

import argparse
import asyncio
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from tests.bench.figures import Plan
from tests.bench.fleet import measure_fleet
from tests.bench.humaneval import RECORDED
from tests.bench.measure import measure
from tests.bench.prefill import INSTALL, INSTALLED, measure_prefill
from tests.bench.processes import BARE, GATEWAY, StartError
from tests.bench.replayed import POOLS, measure_replayed
from tests.bench.report import machine, markdown
from tests.bench.selecting import measure_selecting
from tests.bench.verifying import measure_verifying

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.bench.figures import Results


def main() -> None:
    """Measure and print; the exit status is 1 where a request failed."""
    options = _arguments().parse_args()
    tables = [f"Measured on {machine()}."]
    failures = 0
    try:
        for part in options.part or PARTS:
            text, failed = PARTS[part](options)
            tables.append(text)
            failures += failed
    except StartError as error:
        sys.exit(str(error))
    except asyncio.CancelledError:
        sys.exit(128 + signal.SIGTERM)
    text = "\n\n".join(tables)
    sys.stdout.write(text)
    if options.markdown:
        options.markdown.write_text(text, encoding="utf-8")
    sys.exit(1 if failures else 0)


def _gateway(options: argparse.Namespace) -> tuple[str, int]:
    """Measure the gateway's own speed and memory; return the tables, and how many requests failed."""
    gateway: tuple[str, ...] = BARE if options.gateway == "bare" else tuple(shlex.split(options.gateway))
    plan = Plan.tiny() if options.tiny else Plan()
    results = uvloop.run(_measure(plan, gateway))
    return markdown(results, plan.connections), len(results.failures)


def _verifying(options: argparse.Namespace) -> tuple[str, int]:
    """Measure the verifying of programs."""
    found = measure_verifying(_say, starts=5, requests=1) if options.tiny else measure_verifying(_say)
    return found.markdown(), abs(found.passed - found.right)


def _selecting(options: argparse.Namespace) -> tuple[str, int]:
    """Measure what selects the right program, where the recorded ones are at hand."""
    if not RECORDED.exists():
        return f"**Selecting programs**: left out, as {RECORDED.name} is not at hand.\n", 0
    found = measure_selecting(_say, problems=1, programs=10) if options.tiny else measure_selecting(_say)
    return found.markdown(), 0


def _prefill(options: argparse.Namespace) -> tuple[str, int]:  # noqa: ARG001 - one request is the shortest round
    """Measure what a fan-out costs in prefill, where there is a real vLLM."""
    if not INSTALLED.exists():
        return f"**Prefill of a fan-out**: left out, as there is no vLLM here; {INSTALL} installs one.\n", 0
    return measure_prefill(_say).markdown(), 0


def _fleet(options: argparse.Namespace) -> tuple[str, int]:
    """Measure the choice of workers, and requests beside a slow one."""
    found = measure_fleet(_say, seconds=3.0) if options.tiny else measure_fleet(_say)
    return found.markdown(), found.failures


def _replayed(options: argparse.Namespace) -> tuple[str, int]:
    """Measure policies on recorded samples over HTTP, where there are any."""
    if not POOLS:
        return "**On recorded samples**: left out, as there are no pools at hand; REPLAY_DATA names their folder.\n", 0
    found = measure_replayed(_say, problems=3, rounds=1, orders=5) if options.tiny else measure_replayed(_say)
    return found.markdown(), 0


PARTS: dict[str, Callable[[argparse.Namespace], tuple[str, int]]] = {
    "gateway": _gateway,
    "verifying": _verifying,
    "selecting": _selecting,
    "prefill": _prefill,
    "fleet": _fleet,
    "replayed": _replayed,
}


async def _measure(plan: Plan, gateway: Sequence[str]) -> Results:
    """Measure; a SIGTERM cancels it, so that the servers are ended on the way out."""
    task = asyncio.current_task()
    if task:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await measure(plan, gateway, _say)


def _say(text: str) -> None:
    sys.stderr.write(f"... {text}\n")


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--part", action="append", choices=PARTS, help="what to measure, by default everything; may be repeated"
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    parser.add_argument("--tiny", action="store_true", help="one short round of everything: shows that it runs")
    parser.add_argument(
        "--gateway",
        default=shlex.join(GATEWAY),
        metavar="COMMAND",
        help="the command to measure, with {port} and {upstream} to fill in; `bare` takes the bare loop itself",
    )
    return parser


if __name__ == "__main__":
    main()
