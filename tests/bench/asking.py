"""Questions put to a gateway, so many at a time, and when each was answered."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from dataclasses import dataclass
from functools import partial
from heapq import heappop, heappush
from time import perf_counter
from typing import TYPE_CHECKING, Any

import httpx2

from app.side_by_side import side_by_side

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from app.strategies.base import Strategy
    from tests.bench.processes import Server

LIMIT_S = 600.0

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The answer to question number `question`, and after how many seconds its first byte was there."""

    question: int
    body: Json
    first_byte_s: float

    @property
    def tokens(self) -> int:
        """Completion tokens, as the gateway counts them."""
        return self.body["usage"]["completion_tokens"]

    @property
    def saved_estimate(self) -> int:
        """Completion tokens that ending early has spared, as the gateway estimates them."""
        return self.body["quorum"]["cost"]["saved_completion_tokens_estimate"]

    @property
    def said(self) -> str | None:
        """The winner's answer."""
        winner = self.body["quorum"]["decision"]["winner"]
        return next(one["answer"] for one in self._candidates if one["id"] == winner)

    @property
    def served_s(self) -> float:
        """Seconds to the first byte, without those in the queue."""
        return self.first_byte_s - self.body["quorum"]["timing"]["queue_ms"] / 1_000

    def after_the_last_s(self, width: int) -> float:
        """Return the seconds since the last candidate came back, by what the gateway says of how long each took."""
        return self.served_s - critical_path(self._ended("latency_ms", 1_000), width)

    def beyond_the_tokens_s(self, width: int, rate: float) -> float:
        """Return the seconds that generating the tokens, `rate` a second, doesn't explain."""
        return self.served_s - critical_path(self._ended("completion_tokens", rate), width)

    def _ended(self, field: str, unit: float) -> Iterator[float | None]:
        """Yield the field of each candidate that came to its end, in units of so much; None for the others."""
        return (one[field] / unit if one["finish_reason"] else None for one in self._candidates)

    @property
    def _candidates(self) -> list[Json]:
        return self.body["quorum"]["candidates"]


def critical_path(durations: Iterator[float | None], width: int) -> float:
    """Return when the last ends of what takes so long, each begun once fewer than `width` are under way.

    What has no duration never ends.
    """
    ends: list[float] = []
    last = 0.0
    for place, duration in enumerate(durations):
        if place >= width and not ends:
            break  # as all that are under way never end, no other begins
        begun = heappop(ends) if place >= width else 0.0
        if duration is not None:
            heappush(ends, begun + duration)
            last = max(last, begun + duration)
    return last


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Questions, each a model and a text, put `rounds` times to a gateway, `at_once` of them at any time."""

    questions: Sequence[tuple[str, str]]
    rounds: int
    at_once: int
    gateway: Server
    workers: Sequence[Server]

    async def ask(self, strategy: Strategy) -> tuple[list[Answered], Mapping[str, int]]:
        """Return the answers, and by how much the workers' counters have grown."""
        room = asyncio.Semaphore(self.at_once)
        async with httpx2.AsyncClient(timeout=LIMIT_S, limits=httpx2.Limits(max_connections=None)) as client:
            before = await self._counted(client)
            asked = [partial(self._one, client, room, number, strategy) for number in range(len(self.questions))]
            answers = await side_by_side(asked * self.rounds)
            while (after := await self._counted(client))["vllm:num_requests_running"]:  # noqa: ASYNC110 - other processes
                await asyncio.sleep(0.01)  # a worker learns a little later that a client went
        return answers, after - before

    async def _one(
        self, client: httpx2.AsyncClient, room: asyncio.Semaphore, number: int, strategy: Strategy
    ) -> Answered:
        """Ask one question and time its answer."""
        model, text = self.questions[number]
        body = {"model": model, "messages": [{"role": "user", "content": text}], "strategy": strategy.spec}
        async with room:
            begun = perf_counter()
            async with client.stream("POST", f"{self.gateway.url}/v1/chat/completions", json=body) as response:
                first_byte_s = perf_counter() - begun
                text = (await response.aread()).decode()
        if response.is_error:
            raise RuntimeError(f"{response.status_code} from the gateway: {text}")
        return Answered(question=number, body=json.loads(text), first_byte_s=first_byte_s)

    async def _counted(self, client: httpx2.AsyncClient) -> Counter[str]:
        """Return the workers' metrics, added up."""
        total: Counter[str] = Counter()
        for worker in self.workers:
            text = (await client.get(f"{worker.url}/metrics")).text
            total.update({name: int(value) for name, value in re.findall(r"^([\w:]+)\S* (\d+)$", text, re.MULTILINE)})
        return total
