"""The JSON that workers are sent: the caller's request, with what the strategy changes for each candidate."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING
from zlib import crc32

import msgspec

from app.workers.balancing.base import Draw

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from app.candidates import Ask
    from app.job import Job
    from app.workers.worker import Worker

REWRITTEN = frozenset(
    {"model", "messages", "n", "seed", "stream", "stream_options", "max_tokens", "max_completion_tokens"}
)
"""Fields of a request that workers are never sent as they came."""

OF_DRAWING = REWRITTEN | {
    "logprobs",
    "top_logprobs",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "functions",
    "function_call",
}
"""Fields that an answer written from the candidates is asked for without: it is one, and it is text."""


USUAL_TOKENS = 512
"""How long a candidate is reckoned to be where nobody bounds it."""

PREFIX_BYTES = 1_024
"""How much of a conversation's JSON tells prefixes apart."""


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """Messages as workers get them, and a guess at the tokens of the prompt that they make."""

    json: msgspec.Raw
    tokens: int


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate to draw: its number, what was asked, and the conversation that its worker is sent."""

    index: int
    ask: Ask
    conversation: Conversation

    @property
    def prompt_tokens(self) -> int:
        """A guess at the tokens of its prompt."""
        return self.conversation.tokens

    @property
    def key(self) -> tuple[object, ...]:
        """What tells conversations of a run apart: candidates with one key are sent the same."""
        return conversation_key(self.ask)


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """One request to a worker: its body, and the candidates that are its choices, in order."""

    members: Sequence[Member]
    body: bytes


class Drafter:
    """Writes the requests of one run.

    What siblings share is encoded once: the conversation, and the whole body of those that differ in nothing. A
    conversation is kept for as long as a candidate needs it; earlier rounds' never come back.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        kept = {name: value for name, value in job.fields.items() if name not in REWRITTEN}
        self._fields = {**kept, **_logprobs(job)}
        self._limit_name = "max_completion_tokens" if "max_completion_tokens" in job.fields else "max_tokens"
        self._latest: Member | None = None

    def member(self, index: int, ask: Ask) -> Member:
        """Return the candidate `index` that is to answer `ask`."""
        latest = self._latest
        shared = latest.conversation if latest and conversation_key(latest.ask) == conversation_key(ask) else None
        self._latest = Member(index=index, ask=ask, conversation=shared or self._conversation(ask))
        return self._latest

    def draw(self, members: Sequence[Member]) -> Draw:
        """Return what a worker is wanted for that draws `members`, whose conversation is the first one's."""
        beginning = bytes(memoryview(members[0].conversation.json)[:PREFIX_BYTES])
        return Draw(tokens=len(members) * self.tokens(members[0]), prefix=crc32(beginning))

    def tokens(self, member: Member) -> int:
        """Return how many tokens a candidate may cost; a guess, for balancing."""
        return member.prompt_tokens + (self._job.max_tokens or USUAL_TOKENS)

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
        own = {"model": job.model, "messages": member.conversation.json}
        return {**self._fields, **sampled, **limit, **own}

    def _conversation(self, ask: Ask) -> Conversation:
        job, context = self._job, self._job.strategy.context
        encoded = msgspec.Raw(msgspec.json.encode(context.conversation(job.messages, ask)))
        tokens = context.prompt_tokens(job.messages, ask, job.fields) if ask.shown else job.prompt_tokens
        return Conversation(json=encoded, tokens=tokens)


def _logprobs(job: Job) -> dict[str, object]:
    """Return the fields that ask for as many log-probabilities as the caller and the aggregator want."""
    wanted = job.strategy.aggregator.top_logprobs
    return {"logprobs": True, "top_logprobs": max(wanted, asked_alternatives(job.fields) or 0)} if wanted else {}


def asked_alternatives(fields: Mapping[str, object]) -> int | None:
    """Return how many alternatives to each token the caller wants to see; None where no log-probabilities."""
    asked = fields.get("top_logprobs")
    return (asked if isinstance(asked, int) else 0) if fields.get("logprobs") else None


def writing_fields(fields: Mapping[str, object]) -> dict[str, object]:
    """Return those of a request's `fields` that also hold for an answer that is written from the candidates."""
    return {name: value for name, value in fields.items() if name not in OF_DRAWING}


def conversation_key(ask: Ask) -> tuple[object, ...]:
    """Return what tells the conversations of a run apart: asks with one key are sent the same."""
    return (ask.avoid, *(candidate.index for candidate in ask.shown))
