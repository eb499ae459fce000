"""Asking workers how they are: what they serve, how busy they say they are, whether they answer at all."""

from __future__ import annotations

import re
from math import isfinite
from typing import TYPE_CHECKING, TypeVar

import msgspec

from app.errors import CandidateError, NoConnectionLeftError, WorkerStalledError, WorkerStatusError
from app.workers.worker import ModelList, Props

if TYPE_CHECKING:
    from app.workers.client import Client
    from app.workers.worker import Worker

T = TypeVar("T")

PROBE_TIMEOUT_S = 5.0

GAUGES = re.compile(
    rb"^vllm:(num_requests_running|num_requests_waiting|kv_cache_usage_perc)(?:\{[^}\n]*\})? ([0-9.eE+-]+)$",
    re.MULTILINE,
)
"""The lines of vLLM's metrics that balancing goes by; one for each of its engines."""

MOST_REQUESTS = 1_000_000
"""Requests beyond which a worker's word isn't taken for what it runs or has waiting."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What comes of a document that is not what was asked for; the last where it is nested too deeply."""


class Prober:
    """Asks workers over `client`. Nothing that a worker answers, or doesn't, raises."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def problem(self, worker: Worker, timeout_s: float = PROBE_TIMEOUT_S) -> str | None:
        """Ask a worker what it serves, and take that in; return why it can't be used, or None."""
        pieces = worker.load.pieces
        try:
            await self._check_health(worker, timeout_s)
            worker.learn(await self._ask(worker, "/v1/models", ModelList, timeout_s))
            if worker.traits.batches:
                worker.slots = await self._slots(worker, timeout_s)
        except WorkerStalledError:
            # A server with all hands full may keep a probe waiting: one that sends us tokens meanwhile is alive.
            busy = worker.up and worker.load.in_flight and worker.load.pieces != pieces
            return None if busy else "it doesn't answer in time"
        except NoConnectionLeftError:
            return worker.problem  # nothing was found out
        except CandidateError as error:
            return error.message
        except UNREADABLE:
            return "what it says of its models is not OpenAI's; is this the address of a model server?"
        return None if worker.models else "it serves no model"

    async def read_load(self, worker: Worker) -> None:
        """Take in how busy a worker says it is; where it doesn't say, what was known is forgotten."""
        running = waiting = 0
        fullest = 0.0
        try:
            metrics = await self._client.fetch(f"{worker.url}/metrics", timeout_s=PROBE_TIMEOUT_S)
        except CandidateError:
            metrics = b""
        for name, value in GAUGES.findall(metrics):
            if name == b"kv_cache_usage_perc":
                fullest = max(fullest, number(value, most=1.0))
            elif name == b"num_requests_waiting":
                waiting += round(number(value, most=MOST_REQUESTS))
            else:
                running += round(number(value, most=MOST_REQUESTS))
        worker.load.running, worker.load.waiting, worker.load.kv_usage = running, waiting, fullest

    async def _check_health(self, worker: Worker, timeout_s: float) -> None:
        """Ask a worker whether it is well; not every server has such a page. Raises `CandidateError`."""
        try:
            await self._client.fetch(f"{worker.url}/health", timeout_s=timeout_s)
        except WorkerStatusError as error:
            if error.workers_fault:
                message = f"its /health answers with status {error.worker_status}"
                raise WorkerStatusError(message, worker_status=error.worker_status) from error

    async def _slots(self, worker: Worker, timeout_s: float) -> int:
        """Return how many candidates one request may draw; 1 where the worker keeps that to itself."""
        try:
            return (await self._ask(worker, "/props", Props, timeout_s)).total_slots
        except WorkerStatusError:
            return 1

    async def _ask(self, worker: Worker, path: str, kind: type[T], timeout_s: float) -> T:
        """GET a JSON document of the worker's."""
        return msgspec.json.decode(await self._client.fetch(worker.url + path, timeout_s=timeout_s), type=kind)


def number(text: bytes, *, most: float) -> float:
    """Return a gauge's value between 0 and `most`; 0 where it is none."""
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return min(most, max(0.0, value)) if isfinite(value) else 0.0
