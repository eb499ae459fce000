"""The JSON that workers are sent: the caller's request, with what the strategy changes for each candidate."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from app.tokens import prompt_tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from app.candidates import Ask
    from app.job import Job
    from app.workers.worker import Worker

OURS = frozenset({"model", "messages", "n", "seed", "stream", "stream_options", "max_tokens", "max_completion_tokens"})
"""Fields that are never handed on as they came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One candidate to draw: its number, what was asked, and a guess at the tokens of its prompt."""

    index: int
    ask: Ask
    prompt_tokens: int = 0

    @property
    def key(self) -> tuple[object, ...]:
        """What tells conversations of a run apart: candidates with one key are sent the same."""
        return (self.ask.avoid, *(candidate.index for candidate in self.ask.shown))


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One request to a worker: its body, and the candidates that are its choices, in order."""

    members: Sequence[Member]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """Messages as workers get them, and a guess at their tokens."""

    json: msgspec.Raw
    tokens: int


class Drafter:
    """Writes the requests of one run.

    What siblings share is encoded once: the conversation, and the whole body of those that differ in nothing.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._fields = {name: value for name, value in job.fields.items() if name not in OURS}
        self._limit_name = "max_completion_tokens" if "max_completion_tokens" in job.fields else "max_tokens"
        self._conversations: dict[tuple[object, ...], Conversation] = {}

    def member(self, index: int, ask: Ask) -> Member:
        """Return the candidate `index` that is to answer `ask`."""
        return Member(index=index, ask=ask, prompt_tokens=self._conversation(ask).tokens)

    def drafts(self, members: Sequence[Member], worker: Worker, tokens_left: int | None) -> Iterator[Draft]:
        """Yield the requests that draw `members` from `worker`, none longer than `tokens_left`."""
        limit = self._limit(tokens_left)
        waiting = deque(members)
        last: tuple[dict[str, object], bytes] | None = None
        while waiting:
            fields = self._fields_for(waiting[0], limit)
            group = [waiting.popleft()]
            while waiting and len(group) < worker.width and self._alike(fields, waiting[0], limit):
                group.append(waiting.popleft())
            if len(group) > 1:
                fields["n"] = len(group)
            if last is None or last[0] != fields:
                last = fields, self._encode(fields, worker)
            yield Draft(members=group, body=last[1])

    def _encode(self, fields: dict[str, object], worker: Worker) -> bytes:
        quiet: Mapping[str, object] = {} if self._job.live else worker.traits.quiet
        return msgspec.json.encode({**quiet, **fields, "stream": True, "stream_options": worker.traits.stream_options})

    def _alike(self, fields: dict[str, object], member: Member, limit: dict[str, object]) -> bool:
        """Whether a member differs from `fields` in nothing but the seed, which engines count up by themselves."""
        others = self._fields_for(member, limit)
        return {**others, "seed": None} == {**fields, "seed": None}

    def _limit(self, tokens_left: int | None) -> dict[str, object]:
        """Return the field that bounds a completion's length; empty where nothing does."""
        limits = [limit for limit in (self._job.max_tokens, tokens_left) if limit is not None]
        return {self._limit_name: max(1, min(limits))} if limits else {}

    def _fields_for(self, member: Member, limit: dict[str, object]) -> dict[str, object]:
        job = self._job
        sampled = job.strategy.sampling.fields_for(member.index, job.seed)
        own = {"model": job.model, "messages": self._conversation(member.ask).json}
        return {**self._fields, **sampled, **limit, **own}

    def _conversation(self, ask: Ask) -> Conversation:
        key = (ask.avoid, *(candidate.index for candidate in ask.shown))
        if key not in self._conversations:
            messages = self._job.strategy.context.conversation(self._job.messages, ask)
            encoded = msgspec.Raw(msgspec.json.encode(messages))
            self._conversations[key] = Conversation(json=encoded, tokens=prompt_tokens(messages))
        return self._conversations[key]
