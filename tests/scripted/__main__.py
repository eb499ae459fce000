"""The scripted upstream on its own: `python -m tests.scripted --tokens 16 --instant`. Prints its address."""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, cast

import uvloop

from tests.scripted.llamacpp import LlamaCpp
from tests.scripted.reply import Reply
from tests.scripted.scripts import by_seed
from tests.scripted.upstream import Upstream
from tests.scripted.vllm import VLLM

if TYPE_CHECKING:
    from tests.scripted.actions import Action
    from tests.scripted.received import Received
    from tests.scripted.scripts import Script

BALLOT = "ABABABAA"
"""Answers to the seeds in turn: of any 8 in a row 5 agree, and the vote is open until the last ones have come."""


def arguments() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.scripted", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--engine", choices=("vllm", "llamacpp"), default="vllm")
    parser.add_argument("--model", default="scripted")
    parser.add_argument("--tokens", type=int, default=16, help="of each answer")
    parser.add_argument("--tokens-per-chunk", type=int, default=1)
    parser.add_argument("--delay-first", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--delay-per-chunk", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--sigma", type=float, default=0.0, help="spread of lognormal delays, medians being as given")
    parser.add_argument("--slower", type=float, default=1.0, metavar="TIMES", help="multiply all delays")
    parser.add_argument("--random-seed", type=int, default=0, metavar="N", help="of the lognormal delays")
    parser.add_argument("--instant", action="store_true", help="without delays, whatever else is said")
    return parser


def reply(options: argparse.Namespace, answer: str) -> Reply:
    """Return a completion of `options.tokens` tokens that ends in `answer` and is different from the first token on."""
    words = [f"{answer}{number % 10}" for number in range(options.tokens - 1)]
    instant: bool = options.instant
    return Reply(
        texts=(" ".join([*words, answer]),),
        tokens_per_chunk=options.tokens_per_chunk,
        delay_first_s=0.0 if instant else options.delay_first,
        delay_per_chunk_s=0.0 if instant else options.delay_per_chunk,
    )


def script_of(options: argparse.Namespace) -> Script:
    """Return the ballot, each answer with delays of its own where they are spread."""
    ballot = by_seed(*(reply(options, answer) for answer in BALLOT))
    if not options.sigma and options.slower == 1:
        return ballot
    random = Random(options.random_seed)

    def varied(received: Received) -> Action:
        chosen = cast("Reply", ballot(received))
        pace, first = (options.slower * random.lognormvariate(0.0, options.sigma) for _ in range(2))
        return replace(
            chosen,
            delay_first_s=chosen.delay_first_s * first,
            delay_per_chunk_s=chosen.delay_per_chunk_s * pace,
        )

    return varied


async def serve(options: argparse.Namespace) -> None:
    """Serve until the process is ended."""
    script = script_of(options)
    dialect = VLLM(max_model_len=131_072) if options.engine == "vllm" else LlamaCpp()
    async with Upstream(script, dialect=dialect, models=(options.model,), port=options.port, keep=16) as upstream:
        sys.stdout.write(f"{upstream.url}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(arguments().parse_args()))
