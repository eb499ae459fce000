"""What verifiers and aggregators ask of models, apart from any candidate: the words, and the seam that answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec
from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.candidates import Message, Reply, Usage


class Inquiry(msgspec.Struct, frozen=True, kw_only=True):
    """One question to a model: `model` by its name, or None for the one that the request itself is for.

    `becomes_candidate` says that what comes back will be listed as a candidate, with its tokens booked there. `fields`
    go to the worker as they are, in so far as nothing else here says otherwise.
    """

    messages: Sequence[Message]
    model: str | None = None
    max_tokens: int = 512
    temperature: float = 0.0
    becomes_candidate: bool = False
    fields: Mapping[str, object] = {}


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What a model answered, which worker said it, what it cost, and how long it took in milliseconds."""

    reply: Reply
    finish_reason: str
    worker: str
    usage: Usage
    latency_ms: float


class SideCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call that was made: of which model, its tokens, when it began by `perf_counter`, and how long it took.

    Both times are in seconds.
    """

    model: str
    usage: Usage
    seconds: float
    began: float = 0.0


class Expense(msgspec.Struct, frozen=True, kw_only=True):
    """The most that a verifier spends on one candidate, or an aggregator on one run: calls of a model, and tokens."""

    calls: int
    usage: Usage
    model: str | None = None


class Models(Protocol):
    """The models that a run's verifiers and aggregators may ask.

    Every call is counted by the run, paid from its budget, ended by its deadline and cancelled with it.
    """

    def check(self, model: str | None) -> None:
        """Make sure that a worker serves `model`. Raises `ModelNotFoundError` and `NoWorkerError`."""
        ...

    async def ask(self, inquiry: Inquiry) -> Said:
        """Return the model's answer. Raises `InquiryError` where there is none: the budget, the deadline, a worker."""
        ...

    async def post(self, model: str, path: str, body: Mapping[str, object], *, prompt_tokens: int) -> bytes:
        """POST `body` to a `path` of a worker that serves `model`, and return the JSON that comes back.

        The budget must have room for `prompt_tokens`; what `usage` says is booked. Raises `InquiryError`.
        """
        ...


def times(expense: Expense, count: int) -> Expense:
    """Return the expense of doing the same `count` times."""
    usage = expense.usage
    return replace(
        expense,
        calls=expense.calls * count,
        usage=replace(usage, prompt=usage.prompt * count, completion=usage.completion * count),
    )
