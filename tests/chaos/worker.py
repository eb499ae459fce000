"""A worker whose mood can be told: `python -m tests.chaos.worker --port 9001 --seed 1`.

Its answers take lognormal times, the same for the same seed and request. Beside vLLM's own paths it has

    GET /chaos/mood?is=MOOD     behave so from now on
    GET /chaos/left?question=N  the client of question N has left: what is generated for it from now on is unwanted
    GET /chaos/unwanted         {"tokens": all that was, "beyond": what was more than one streamed piece a candidate}
"""

from __future__ import annotations

import argparse
import asyncio
from enum import StrEnum
from itertools import cycle
from random import Random
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import msgspec
import uvloop

from tests.chaos.questions import answer, number_in
from tests.scripted.actions import Garbage, HalfBody, NoFinish, Reset, Status
from tests.scripted.reply import Reply
from tests.scripted.upstream import Upstream
from tests.scripted.vllm import VLLM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.scripted.actions import Action, Unanswered
    from tests.scripted.connection import Request
    from tests.scripted.received import Received

MODEL = "chaotic"
FIRST_S, FIRST_SPREAD = 0.15, 0.5
"""Median of the time to the first token, and the standard deviation of its logarithm."""

TOKEN_S, TOKEN_SPREAD = 0.008, 0.3
"""The same of the time from token to token, of each answer."""

SLOWER = 20.0
KEPT = 2_000
"""Questions that are remembered."""

OK = Status(status=200, body=b"{}")


class Mood(StrEnum):
    """How a worker behaves."""

    WELL = "well"
    SLOW = "slow"
    GARBAGE = "garbage"
    RESETS = "resets"


class Unwanted(msgspec.Struct):
    """Tokens that were generated after their client had left; `beyond` one streamed piece a candidate."""

    tokens: int = 0
    beyond: int = 0


class Books:
    """What was generated for which question, and what of it nobody wanted."""

    def __init__(self) -> None:
        self._calls: dict[int, list[Received]] = {}
        self._before: dict[int, dict[int, int]] = {}

    def note(self, question: int, call: Received) -> None:
        """Put a call down under its question."""
        self._calls.setdefault(question, []).append(call)
        while len(self._calls) > KEPT:
            oldest = next(iter(self._calls))
            if oldest in self._before:  # stays, as it is still counted
                self._calls[oldest] = self._calls.pop(oldest)
            else:
                del self._calls[oldest]

    def left(self, question: int) -> None:
        """Take what is generated for a question from now on for unwanted."""
        calls = self._calls.setdefault(question, [])
        self._before[question] = {call.number: call.sent_tokens for call in calls}

    def unwanted(self) -> Unwanted:
        """Return what was generated in vain so far."""
        counts = Unwanted()
        for question, before in self._before.items():
            for call in self._calls[question]:
                tokens = call.sent_tokens - before.get(call.number, 0)
                counts.tokens += tokens
                counts.beyond += max(0, tokens - interval(call))
        return counts


class Temper:
    """The script: it answers every question rightly, or as its mood is."""

    def __init__(self, seed: int, books: Books) -> None:
        self.mood = Mood.WELL
        self._seed = seed
        self._books = books
        self._garbage: Iterator[Callable[[Reply], Action]] = cycle(
            (
                lambda _: Garbage(),
                lambda _: Garbage(data=b"data: {not json\n\n"),
                lambda _: Garbage(data=b'data: {"choices": 5}\n\n'),
                lambda _: Garbage(raw=True),
                lambda reply: NoFinish(reply=reply),
            )
        )
        self._resets: Iterator[Callable[[Reply], Action]] = cycle(
            (lambda _: Reset(), lambda reply: HalfBody(reply=reply, after_chunks=3))
        )

    def __call__(self, received: Received) -> Action:
        """Return what to do with a request."""
        question = number_in(received.body["messages"])
        self._books.note(question, received)
        reply = self._reply(question, received)
        match self.mood:
            case Mood.GARBAGE:
                return next(self._garbage)(reply)
            case Mood.RESETS:
                return next(self._resets)(reply)
            case _:
                return reply

    def _reply(self, question: int, received: Received) -> Reply:
        random = Random(f"{self._seed}/{question}/{received.seed}")
        pieces = interval(received)
        slower = SLOWER if self.mood is Mood.SLOW else 1.0
        return Reply(
            texts=(answer(question),),
            tokens_per_chunk=pieces,
            delay_first_s=slower * FIRST_S * random.lognormvariate(0.0, FIRST_SPREAD),
            delay_per_chunk_s=slower * pieces * TOKEN_S * random.lognormvariate(0.0, TOKEN_SPREAD),
        )


def interval(call: Received) -> int:
    """Return how many tokens come in one streamed piece, as the caller asked vLLM."""
    wanted: int = call.body.get("stream_interval", 1)
    return wanted


async def serve(options: argparse.Namespace) -> None:
    """Serve until the process is ended."""
    books = Books()
    temper = Temper(options.seed, books)

    def mood(request: Request) -> Unanswered:
        temper.mood = Mood(_asked(request, "is"))
        if temper.mood is Mood.RESETS:
            for connection in upstream.connections:
                asyncio.get_running_loop().call_later(0.01, connection.abort)  # ours gets its answer before
        return OK

    def left(request: Request) -> Unanswered:
        books.left(int(_asked(request, "question")))
        return OK

    def unwanted(_: Request) -> Unanswered:
        return Status(status=200, body=msgspec.json.encode(books.unwanted()))

    upstream = Upstream(temper, dialect=VLLM(), models=(MODEL,), port=options.port, keep=16)
    upstream.routes = {"/chaos/mood": mood, "/chaos/left": left, "/chaos/unwanted": unwanted}
    async with upstream:
        await asyncio.Event().wait()


def _asked(request: Request, key: str) -> str:
    (value,) = parse_qs(urlsplit(request.path).query)[key]
    return value


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.worker", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    uvloop.run(serve(_arguments().parse_args()))
