"""Which calls are far behind what the pool's calls are like: not the long answers, but the slow workers.

A call is behind when its first token has not come, or no more tokens come, for far longer than is usual for its model,
or when its tokens come far more slowly. What is usual is fitted to the calls that have ended lately, as a lognormal
distribution by its median and its faster quartile, which slow workers, as long as they are fewer than half, hardly
move.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager
from enum import Enum
from math import inf
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

import msgspec
import structlog

from app.errors import WorkerStalledError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from app.workers.call import Call
    from app.workers.worker import Worker

TICK_S = 0.1
"""Seconds between two looks at the calls under way."""

KEPT = 256
"""Calls of a model that its usual times are fitted to, and how often they are fitted anew: after an eighth of them."""

ENOUGH = 16
"""Calls that must have ended before anything is called usual."""

FAR = 3.5
"""How far is far: as many times the distance from quartile to median beyond the median, in logarithms; 1 of 100
lognormal times lies further (2.33 standard deviations over 0.67)."""

NARROWEST, WIDEST = 3.0, 12.0
"""Times the median that the limit lies at least and at most."""

FIRST_FLOOR_S, SILENCE_FLOOR_S, RATE_AFTER_S = 0.1, 1.0, 1.0
"""Seconds below which nobody is called late with a first token, or silent, and after which a rate is one."""

log = structlog.stdlib.get_logger(__name__)


class Behind(Enum):
    """Why a call is taken for lost or late."""

    OUT_OF_SERVICE = "its worker is out of service"
    LATE = "its first token is late"
    SILENT = "it has fallen silent"
    SLOW = "its tokens come slowly"


class Followed(Protocol):
    """A call under way, as its owner shows it to `Stragglers`."""

    @property
    def worker(self) -> Worker:
        """Who was asked."""
        ...

    @property
    def model(self) -> str:
        """What was asked for."""
        ...

    @property
    def prompt_tokens(self) -> int:
        """How long the prompt is, at most."""
        ...

    @property
    def begun(self) -> float:
        """When, by `perf_counter`."""
        ...

    @property
    def call(self) -> Call:
        """What has come of it."""
        ...

    def fell_behind(self, why: Behind) -> bool:
        """Be told of it, again and again; return whether nothing can be done about it any more."""
        ...


class Limits(msgspec.Struct, frozen=True):
    """Beyond what is usual, in seconds: to a first token, between two pieces, and from token to token.

    `prompt_tokens` is the median prompt; longer ones have in proportion more time to their first token.
    """

    prompt_tokens: int
    first_s: float
    silence_s: float
    token_s: float


class Paces:
    """The times of a model's calls that have ended lately."""

    def __init__(self) -> None:
        self._prompts: deque[int] = deque(maxlen=KEPT)
        self._firsts: deque[float] = deque(maxlen=KEPT)
        self._silences: deque[float] = deque(maxlen=KEPT)
        self._tokens: deque[float] = deque(maxlen=KEPT)
        self._new = 0
        self.limits: Limits | None = None

    def add(self, followed: Followed) -> None:
        """Take in a call that has come to its end."""
        call = followed.call
        if call.first_at is None or call.last_at is None:
            return
        self._prompts.append(followed.prompt_tokens)
        self._firsts.append(call.first_at - followed.begun)
        self._silences.append(call.longest_silence_s)
        if call.tokens > 1:
            self._tokens.append((call.last_at - call.first_at) / (call.tokens - 1))
        self._new += 1
        if len(self._firsts) >= ENOUGH and (self.limits is None or self._new >= KEPT // 8):
            self._new = 0
            self.limits = Limits(
                prompt_tokens=sorted(self._prompts)[len(self._prompts) // 2],
                first_s=max(FIRST_FLOOR_S, limit(self._firsts)),
                silence_s=max(SILENCE_FLOOR_S, limit(self._silences)),
                token_s=limit(self._tokens),
            )


def limit(times: deque[float]) -> float:
    """Return the seconds beyond which a time is far from usual; infinite where too few are known."""
    if len(times) < ENOUGH:
        return float("inf")
    ordered = sorted(times)
    quartile, median = ordered[len(ordered) // 4], ordered[len(ordered) // 2]
    spread = (median / quartile) ** FAR if quartile > 0 else WIDEST
    return median * min(WIDEST, max(NARROWEST, spread))


class Stragglers:
    """Follows the calls under way and tells their owners of those that are behind.

    `struck` is told of the workers whose calls are late, silent or slow: once a call, and of calls that are found so at
    the same time once, as one request's siblings have one cause.
    """

    def __init__(self, struck: Callable[[Worker, Behind], None]) -> None:
        self._struck = struck
        self._paces: dict[str, Paces] = {}
        self._following: dict[Followed, bool] = {}
        self._held: dict[asyncio.Timeout, Worker] = {}

    def follow(self, call: Followed) -> None:
        """Follow a call until it is `left`."""
        self._following[call] = False

    def left(self, call: Followed, *, well: bool) -> None:
        """Follow it no more; one that came to its end `well` shows what is usual."""
        self._following.pop(call, None)
        if well:
            self._paces.setdefault(call.model, Paces()).add(call)

    @asynccontextmanager
    async def held(self, worker: Worker) -> AsyncGenerator[None]:
        """Do something with a worker, for as long as there is hope for it. Raises `WorkerStalledError`."""
        try:
            async with asyncio.timeout(None) as held:
                self._held[held] = worker
                try:
                    yield
                finally:
                    del self._held[held]
        except TimeoutError as error:
            raise WorkerStalledError(f"the worker sent nothing more: {Behind.OUT_OF_SERVICE.value}") from error

    async def watch(self) -> None:
        """Look at the calls under way again and again, until cancelled."""
        while True:
            await asyncio.sleep(TICK_S)
            self.look(perf_counter())

    def look(self, now: float) -> None:
        """Tell the owners of calls that are behind at the time `now`, by `perf_counter`."""
        struck: dict[Worker, Behind] = {}
        for call, known in list(self._following.items()):
            why = self._behind(call, now)
            if why is None:
                continue
            if why is not Behind.OUT_OF_SERVICE and not known:
                self._following[call] = True
                struck.setdefault(call.worker, why)
            if _told(call, why):
                self._following.pop(call, None)
        for worker, why in struck.items():
            self._struck(worker, why)
        for held, worker in self._held.items():
            if not worker.reachable and not held.expired():
                held.reschedule(-inf)

    def _behind(self, followed: Followed, now: float) -> Behind | None:
        if not followed.worker.reachable:
            return Behind.OUT_OF_SERVICE
        paces, call = self._paces.get(followed.model), followed.call
        limits = paces.limits if paces else None
        if limits is None:
            return None
        if call.first_at is None or call.last_at is None:
            patience = max(1.0, followed.prompt_tokens / max(1, limits.prompt_tokens))
            return Behind.LATE if now - followed.begun > patience * limits.first_s else None
        if now - call.last_at > limits.silence_s:
            return Behind.SILENT
        taken = call.last_at - call.first_at
        slow = taken > RATE_AFTER_S and taken > limits.token_s * (call.tokens - 1)
        return Behind.SLOW if slow else None


def _told(call: Followed, why: Behind) -> bool:
    """Tell a call's owner; return whether that is settled. Whatever goes wrong with one, the others are followed."""
    try:
        return call.fell_behind(why)
    except Exception:
        log.exception("call can't be helped", worker=call.worker.id)
        return True
