"""What vLLM itself counts: the truth that Quorum's account is held against."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.vllm.servers import Vllm

POLL_S = 0.1
QUIET_S = 0.5
"""A server has settled when nothing runs on it and its counters stand still for so long."""
SETTLE_LIMIT_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """Tokens of prompts, those of them that came from the prefix cache, and tokens generated."""

    prompt: int = 0
    cached: int = 0
    generated: int = 0

    def __add__(self, other: Counters) -> Counters:
        return Counters(
            prompt=self.prompt + other.prompt,
            cached=self.cached + other.cached,
            generated=self.generated + other.generated,
        )

    def __sub__(self, other: Counters) -> Counters:
        return Counters(
            prompt=self.prompt - other.prompt,
            cached=self.cached - other.cached,
            generated=self.generated - other.generated,
        )

    @property
    def computed(self) -> int:
        """Tokens of prompts that were prefilled."""
        return self.prompt - self.cached


def counters(server: Vllm) -> Counters:
    """Return what a server has counted up to now."""
    found = server.metrics()
    return Counters(
        prompt=int(found["prompt_tokens_total"]),
        cached=int(found["prefix_cache_hits_total"]),
        generated=int(found["generation_tokens_total"]),
    )


def in_flight(server: Vllm) -> int:
    """Return how many requests a server works on or keeps waiting."""
    found = server.metrics()
    return int(found["num_requests_running"] + found["num_requests_waiting"])


def settled(server: Vllm) -> Counters:
    """Wait until a server has nothing to do and return its counters; raises `TimeoutError` where it goes on."""
    wait_until(lambda: in_flight(server) == 0, within_s=SETTLE_LIMIT_S)
    last = counters(server)
    limit = time.monotonic() + SETTLE_LIMIT_S
    while True:
        time.sleep(QUIET_S)
        now = counters(server)
        if now == last:
            return now
        if time.monotonic() > limit:
            raise TimeoutError(f"{server.url} goes on counting: {now}")
        last = now


def wait_until(holds: Callable[[], bool], *, within_s: float) -> float:
    """Return after how many seconds it holds; raises `TimeoutError` where it doesn't in time."""
    begun = time.monotonic()
    while not holds():
        if time.monotonic() - begun > within_s:
            raise TimeoutError(f"it doesn't hold after {within_s:g} s")
        time.sleep(POLL_S)
    return time.monotonic() - begun
