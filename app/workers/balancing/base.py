"""What every policy is asked, and what it goes by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from app.workers.worker import Worker


class Draw(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker is wanted for: `tokens` that it may cost in all, and a hash of what its prompt begins with."""

    tokens: int = 1
    prefix: int = 0


class Policy(Protocol):
    """Chooses a worker.

    All of `workers` may serve, and the tuple stays the same object for as long as that is so.
    """

    def choose(self, workers: Sequence[Worker], draw: Draw, avoid: Collection[Worker] = ()) -> Worker | None:
        """Return the worker that is to draw: one that has room, if any has; None where all are to be avoided."""
        ...


def burden(worker: Worker, draw: Draw) -> float:
    """Return what a worker would have to do if it took `draw`, in tokens, weighed by how fit it is for them.

    Tokens that are outstanding here and, by their own words, at other gateways; `draw.tokens` for each request that
    waits in the worker's own queue; all of it the heavier, the fuller its KV cache (at 90% ten times: soon it must
    preempt) and the colder it is after an absence.
    """
    load = worker.load
    tokens = load.outstanding + load.elsewhere + (load.waiting + 1) * draw.tokens
    return tokens / ((1.0 - min(load.kv_usage, 0.9)) * worker.warmth)


def least_burdened(workers: Sequence[Worker], draw: Draw, avoid: Collection[Worker] = ()) -> Worker | None:
    """Return the least burdened of those with room, or of all where none has; its cost grows with the fleet."""
    fit = (worker for worker in workers if worker not in avoid)
    return min(fit, key=lambda worker: (not worker.has_room, burden(worker, draw)), default=None)
