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
from tests.bench.measure import measure
from tests.bench.processes import BARE, GATEWAY, StartError
from tests.bench.report import markdown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.figures import Results


def main() -> None:
    """Measure and print; the exit status is 1 where a request failed."""
    options = _arguments().parse_args()
    gateway: tuple[str, ...] = BARE if options.gateway == "bare" else tuple(shlex.split(options.gateway))
    plan = Plan.tiny() if options.tiny else Plan()
    try:
        results = uvloop.run(_measure(plan, gateway))
    except StartError as error:
        sys.exit(str(error))
    except asyncio.CancelledError:
        sys.exit(128 + signal.SIGTERM)
    text = markdown(results, plan.connections)
    sys.stdout.write(text)
    if options.markdown:
        options.markdown.write_text(text, encoding="utf-8")
    sys.exit(1 if results.failures else 0)


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
