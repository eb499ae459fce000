"""Clients in a closed loop: each asks, waits for the answer or leaves before it, and asks again."""

from __future__ import annotations

import asyncio
import time
from itertools import count
from random import Random
from typing import TYPE_CHECKING

import aiohttp
import msgspec

from tests.chaos.judging import Fate, Judged, judge
from tests.chaos.questions import prompt
from tests.chaos.worker import MODEL

if TYPE_CHECKING:
    from collections.abc import Callable

    Book = Callable[["Asking", Judged, float], None]

STRATEGIES: tuple[str | dict[str, object], ...] = (
    "single",
    "parallel-4",
    {"type": "sequential", "rounds": 2, "aggregator": "last"},
)
STREAMED, LEAVING = 0.5, 0.12
"""Shares of the requests."""

LEAVE_S, LEAVE_SPREAD = 0.25, 0.6
"""Median of the time after which a client leaves, and the standard deviation of its logarithm."""

PAUSE_S = 0.2
"""Seconds that a client waits when it was told of an error."""


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """A request; its client waits for `patience_s`, and `leaves` then."""

    number: int
    phase: int
    strategy: str | dict[str, object]
    stream: bool
    patience_s: float
    leaves: bool

    def __str__(self) -> str:
        kind = self.strategy["type"] if isinstance(self.strategy, dict) else self.strategy
        return f"question {self.number}, {kind}{', streamed,' if self.stream else ''}"

    @property
    def body(self) -> dict[str, object]:
        """What is sent."""
        return {
            "model": MODEL,
            "messages": [{"role": "user", "content": prompt(self.number)}],
            "strategy": self.strategy,
            "stream": self.stream,
            "seed": self.number,
            "max_tokens": 128,
        }


class Clients:
    """`many` clients of the gateway at `url`; `phase` is what their requests are counted under.

    `book` is told what became of each request and how many seconds it took. What takes longer than `patience_s` is
    lost.
    """

    def __init__(self, url: str, *, many: int, seed: int, patience_s: float, book: Book) -> None:
        self.phase = 0
        self.over = False
        self._url = f"{url}/v1/chat/completions"
        self._many = many
        self._seed = seed
        self._patience_s = patience_s
        self._book = book

    async def run(self) -> None:
        """Ask until it is `over`, and wait for the last answers."""
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        timeout = aiohttp.ClientTimeout(total=None)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
            asyncio.TaskGroup() as group,
        ):
            for client in range(self._many):
                group.create_task(self._loop(session, client))

    async def _loop(self, session: aiohttp.ClientSession, client: int) -> None:
        random = Random(f"{self._seed}/{client}")
        for turn in count():
            if self.over:
                return
            asking = self._next(random, 1 + client + turn * self._many)
            began = time.monotonic()
            judged = await self._ask(session, asking)
            self._book(asking, judged, time.monotonic() - began)
            if judged.fate not in {Fate.RIGHT, Fate.LEFT}:
                await asyncio.sleep(PAUSE_S)

    def _next(self, random: Random, number: int) -> Asking:
        leaves = random.random() < LEAVING
        leave_s = LEAVE_S * random.lognormvariate(0.0, LEAVE_SPREAD)
        return Asking(
            number=number,
            phase=self.phase,
            strategy=random.choice(STRATEGIES),
            stream=random.random() < STREAMED,
            patience_s=leave_s if leaves else self._patience_s,
            leaves=leaves,
        )

    async def _ask(self, session: aiohttp.ClientSession, asking: Asking) -> Judged:
        """Return what comes of a request."""
        try:
            async with asyncio.timeout(asking.patience_s), session.post(self._url, json=asking.body) as response:
                raw = await response.read()
        except TimeoutError:
            return Judged(Fate.LEFT if asking.leaves else Fate.LOST, f"no answer in {asking.patience_s:.0f} s")
        except aiohttp.ClientError as error:
            return Judged(Fate.LOST, repr(error))
        return judge(asking.number, response.status, raw, streamed=asking.stream)
