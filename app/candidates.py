"""The nouns of a run, frozen: what was asked, what came back, what was decided.

Every other module speaks in these words; none of them knows HTTP. A `Candidate` is built once by the worker layer
and then only ever replaced by a copy that knows more: its answer, its cluster, its verdict and, last, its fate.

What is made and copied for every candidate is a msgspec struct; a frozen dataclass takes 20 times as long to copy.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

Message: TypeAlias = dict[str, object]
"""One message of a conversation as OpenAI's API writes it: `role`, `content`, and what else came with it."""

MAX_TOKENS = 2**31 - 1
"""The largest limit of tokens that a request may name: engines count them in 32 bits."""


class Fate(StrEnum):
    """What became of a candidate; every token of a run is booked under one of these, or under `VERIFIER`."""

    SELECTED = "selected"
    COUNTED = "counted"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    FAILED = "failed"
    VERIFIER = "verifier"


class Waste(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens that no candidate came of: of an attempt that failed and was made anew, or that another one overtook."""

    fate: Fate
    usage: Usage


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of one or more model calls, as the workers counted them. `cached` prompt tokens are part of `prompt`."""

    prompt: int = 0
    cached: int = 0
    completion: int = 0

    def __add__(self, other: Usage) -> Usage:
        """Return the sum of both."""
        return Usage(
            prompt=self.prompt + other.prompt,
            cached=self.cached + other.cached,
            completion=self.completion + other.completion,
        )


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """A function call that a model asked for; `arguments` is the JSON text exactly as the model wrote it."""

    id: str
    name: str
    arguments: str


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a model said: its text without the thinking, the thinking, and the tools that it called."""

    text: str = ""
    thinking: str = ""
    tool_calls: tuple[ToolCall, ...] = ()


AnswerKind = Literal["math", "choice", "json", "tool_call", "code", "text"]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What was extracted from a candidate and is compared.

    `text` is what people are shown. Answers of one kind with the same `key` are equivalent; those with different
    keys may still be (`1/2` and `0.5`), which `app.answers.equivalence` decides.
    """

    kind: AnswerKind
    text: str
    key: str


class Question(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What the caller asked: the conversation, and the shape that it wants the answer in."""

    messages: Sequence[Message]
    wants_json: bool = False

    @cached_property
    def text(self) -> str:
        """The text of the last user message; empty where there is none."""
        for message in reversed(self.messages):
            if message.get("role") == "user":
                return plain_text(message.get("content"))
        return ""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """A verifier's judgement of one candidate. `score` lies in 0..1; `feedback` is meant for the model to read.

    A verifier that breaks gives `error`: neither a pass nor a fail, and visible as what it is. `note` is for the caller
    and never shown to a model; `told` is false where the model may not even learn the status. `outputs` are what
    the candidate's program gave on each test input, where it was run; programs with equal outputs behave alike.
    `passed` are how many tests it passed, out of how many that expected something.
    """

    status: Literal["pass", "fail", "abstain", "error"]
    score: float | None = None
    feedback: str | None = None
    note: str | None = None
    told: bool = True
    outputs: tuple[str, ...] = ()
    passed: tuple[int, int] = (0, 0)


class Confidence(msgspec.Struct, frozen=True, kw_only=True):
    """How sure the model was, from 0 up: the mean over all tokens, and that of the least sure passage (DeepConf)."""

    mean: float
    lowest_group: float


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a candidate has no completion. `status` is the HTTP status where the worker gave one, else None."""

    message: str
    status: int | None = None
    code: str | None = None
    param: str | None = None


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate that a strategy wants drawn.

    `shown` are earlier candidates that the model gets to see, in the order of their drawing. `previous` are the
    earlier ones that the new candidate is compared with, whether it saw them or not. `avoid` says that the ones
    shown were not good enough, and that something else is wanted.
    """

    round: int = 0
    chain: int = 0
    shown: tuple[Candidate, ...] = ()
    previous: tuple[Candidate, ...] = ()
    avoid: bool = False


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One completion and all that is known of it so far.

    Candidates are numbered from 0 in the order in which they were asked for, never in the order of arrival, so
    that rules which break ties by `index` don't depend on the workers' timing. `failure` is the cause where there
    is no completion; `rejection` says why a completion doesn't count. `synthesized`: it was written from the others by
    an aggregator, in place of being drawn. `model` is the one that it is from, or None for the request's own.
    """

    index: int
    round: int = 0
    chain: int = 0
    model: str | None = None
    worker: str | None = None
    reply: Reply = Reply()
    finish_reason: str | None = None
    usage: Usage = Usage()
    latency_ms: float = 0.0
    answer: Answer | None = None
    cluster: int | None = None
    verdict: Verdict | None = None
    similarity_to_previous: float | None = None
    copy_ratio: float = 0.0
    failure: Failure | None = None
    rejection: str | None = None
    fate: Fate | None = None
    logprobs: tuple[bytes, ...] = ()
    confidence: Confidence | None = None
    synthesized: bool = False

    @property
    def id(self) -> str:
        """The name of the candidate within its run: `c0`, `c1`, ..."""
        return f"c{self.index}"

    @property
    def finished(self) -> bool:
        """Whether the model came to an end by itself (a `finish_reason` arrived)."""
        return self.finish_reason is not None and self.failure is None

    @property
    def accepted(self) -> bool:
        """Whether the candidate finished and nothing rejected it."""
        return self.finished and self.rejection is None


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What an aggregator chose.

    `ranking` holds every candidate that could be returned, best first, so that a request for several answers takes
    its head; `winner` is its first. `votes` are those of the winner's cluster out of `of` (weights may be
    fractions), `margin` the winner's votes less the runner-up's, `tied` whether the tie rule had to decide.

    `fallback` says why the aggregator could not do what it is for, where something simpler decided in its place.
    `synthesized` is the candidate that the aggregator has written itself, whether it was chosen or not.
    """

    aggregator: str
    ranking: tuple[Candidate, ...]
    votes: float
    of: float
    margin: float
    tied: bool
    fallback: str | None = None
    synthesized: Candidate | None = None

    @property
    def winner(self) -> Candidate:
        """The candidate that was chosen."""
        return self.ranking[0]

    @property
    def agreement(self) -> float:
        """The winner's votes over the votes cast, in 0..1; 0 where nobody voted."""
        return self.votes / self.of if self.of else 0.0


def content_parts(content: object) -> list[object] | None:
    """Return the parts of a message's content where it is a list of parts, else None."""
    return cast("list[object]", content) if isinstance(content, list) else None


def plain_text(content: object) -> str:
    """Return the text of a message's content, whether it is a string or OpenAI's list of parts."""
    if isinstance(content, str):
        return content
    texts = (
        cast("dict[str, object]", part).get("text") for part in content_parts(content) or () if isinstance(part, dict)
    )
    return "\n".join(text for text in texts if isinstance(text, str))
