"""The chaos run: `python -m tests.chaos`. Four workers fail in turn, in five ways, while clients ask.

The exit status is 1 where a request was lost, answered wrongly or twice, or where workers went on for clients that had
left.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from tests.bench.processes import StartError
from tests.bench.report import machine
from tests.chaos.report import markdown
from tests.chaos.run import Plan, run

if TYPE_CHECKING:
    from tests.chaos.figures import Figures


def main() -> None:
    """Run the chaos and print what it found."""
    options = _arguments().parse_args()
    plan = Plan(seconds=options.seconds, clients=options.clients, seed=options.seed, log=options.log)
    try:
        figures = uvloop.run(_run(plan))
    except asyncio.CancelledError:
        sys.exit(128 + signal.SIGTERM)
    except ExceptionGroup as group:
        if isinstance(group.exceptions[0], StartError):
            sys.exit(str(group.exceptions[0]))
        raise
    said = f"{options.clients} clients, phases of {options.seconds:g} s, seed {options.seed}, on {machine()}."
    text = f"{said}\n\n{markdown(figures)}"
    sys.stdout.write(text)
    if options.markdown:
        options.markdown.write_text(text, encoding="utf-8")
    sys.exit(0 if figures.passed else 1)


async def _run(plan: Plan) -> Figures:
    """Run; a SIGTERM cancels it, so that the servers are ended on the way out."""
    task = asyncio.current_task()
    if task:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await run(plan, lambda phase: print(f"... {phase}", file=sys.stderr))  # noqa: T201 - a command prints


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each phase")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    parser.add_argument("--log", type=Path, metavar="FILE", help="takes what the servers write")
    return parser


if __name__ == "__main__":
    main()
