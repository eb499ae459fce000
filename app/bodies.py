"""The JSON that workers are sent: the caller's request, with what the strategy changes for each candidate."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from app.candidates import Ask
    from app.job import Job
    from app.workers.worker import Worker

OURS = frozenset({"model", "messages", "n", "seed", "stream", "stream_options", "max_tokens", "max_completion_tokens"})
"""Fields that are never handed on as they came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One candidate to draw: its number and what was asked."""

    index: int
    ask: Ask


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One request to a worker: its body, and the candidates that are its choices, in order."""

    members: Sequence[Member]
    body: bytes


class Drafter:
    """Writes the requests of one run. Conversations are encoded once, however many siblings share them."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._fields = {name: value for name, value in job.fields.items() if name not in OURS}
        self._limit_name = "max_completion_tokens" if "max_completion_tokens" in job.fields else "max_tokens"
        self._encoded: dict[tuple[object, ...], msgspec.Raw] = {}

    def drafts(self, members: Sequence[Member], worker: Worker, tokens_left: int | None) -> Iterator[Draft]:
        """Yield the requests that draw `members` from `worker`, none longer than `tokens_left`."""
        waiting = list(members)
        while waiting:
            head = self._fields_for(waiting[0], tokens_left)
            width = self._width(waiting, head, worker, tokens_left)
            body: dict[str, object] = {**head, "stream": True, "stream_options": worker.traits.stream_options}
            if not self._job.live:
                body = {**worker.traits.quiet, **body}
            if width > 1:
                body["n"] = width
            yield Draft(members=waiting[:width], body=msgspec.json.encode(body))
            del waiting[:width]

    def _width(
        self, waiting: Sequence[Member], head: dict[str, object], worker: Worker, tokens_left: int | None
    ) -> int:
        """Return how many of the first `waiting` can go into one request: those that differ in nothing but the seed."""
        if not worker.traits.batches:
            return 1
        alike = _but_seed(head)
        width = 1
        for member in islice(waiting, 1, worker.slots):
            if _but_seed(self._fields_for(member, tokens_left)) != alike:
                break
            width += 1
        return width

    def _fields_for(self, member: Member, tokens_left: int | None) -> dict[str, object]:
        job = self._job
        sampled = job.strategy.sampling.fields_for(member.index, job.seed)
        sampled.pop("max_tokens", None)
        limits = [limit for limit in (job.max_tokens, tokens_left) if limit is not None]
        if limits:
            sampled[self._limit_name] = max(1, min(limits))
        return {**self._fields, **sampled, "model": job.model, "messages": self._conversation(member.ask)}

    def _conversation(self, ask: Ask) -> msgspec.Raw:
        key = (ask.avoid, *(candidate.index for candidate in ask.shown))
        if key not in self._encoded:
            messages = self._job.strategy.context.conversation(self._job.messages, ask)
            self._encoded[key] = msgspec.Raw(msgspec.json.encode(messages))
        return self._encoded[key]


def _but_seed(fields: dict[str, object]) -> dict[str, object]:
    """Return the fields that siblings of one request must share; engines count the seed up by themselves."""
    return {name: value for name, value in fields.items() if name != "seed"}
