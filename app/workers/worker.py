"""A worker: where it is, what it serves, and how busy it is."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Annotated

import msgspec

from app.workers.health import Health, State
from app.workers.load import Load
from app.workers.traits import BY_OWNER, OPENAI, Traits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NOT_ASKED = "not asked yet"

MOST_SLOTS = 4_096
"""Candidates of a request beyond which a worker's word isn't taken for its slots."""

MOST_CONTEXT = 1_000_000_000
"""Tokens beyond which a worker's word isn't taken for its context."""


MAX_NAMES = 20
"""Models that a message or a log line names."""

MAX_MODELS, MAX_NAME_CHARS = 1_000, 256
WHY_IGNORED = f"of a worker, {MAX_MODELS:,} models with names of up to {MAX_NAME_CHARS} characters are taken"


class ModelMeta(msgspec.Struct):
    """llama.cpp's facts about a model."""

    n_ctx: int | None = None


class ServedModel(msgspec.Struct):
    """One entry of `/v1/models`; the context length is vLLM's `max_model_len` or llama.cpp's `meta.n_ctx`."""

    id: str
    owned_by: str = ""
    created: int = 0
    max_model_len: int | None = None
    meta: ModelMeta | None = None

    @property
    def context(self) -> int | None:
        """Tokens that prompt and completion may take together; None where the worker says nothing that can be so."""
        told = self.max_model_len or (self.meta.n_ctx if self.meta else None)
        return told if told and 0 < told <= MOST_CONTEXT else None


class ModelList(msgspec.Struct):
    """The body of `GET /v1/models`."""

    data: list[ServedModel]


class Props(msgspec.Struct):
    """What llama.cpp's `GET /props` says of its slots: the largest `n` that it takes."""

    total_slots: Annotated[int, msgspec.Meta(ge=1, le=MOST_SLOTS)] = 1


@dataclass(slots=True, kw_only=True, eq=False)
class Worker:
    """One OpenAI-compatible server.

    `slots` is the largest `n` of a request, `max_in_flight` how many candidates a worker without slots may draw at
    once; each of the `sharers`, the processes of this server, may use its part of either. `up`: it answers, else
    `problem` says why it can't be used; `draining`: it gets no new candidates, by an operator's word; `dismissed`: nor
    does it, as no source names it any more, and it goes when it has drawn its last. `warmth` is the share of its usual
    load that it should get, 0..1, less than 1 for a while after it has come back. `unsaid` are its failed calls since
    the log last spoke of any, at `said_at` on the monotonic clock, by which it is also passed over until
    `passed_over_until`. `models_gone` counts the models that it has ceased to serve, `answered` is the
    number of the latest question on how it is whose answer is known, `asking` is held by who asks for all that want to
    know.
    """

    id: str
    locate: Callable[[], str]
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    traits: Traits = OPENAI
    models: dict[str, ServedModel] = field(default_factory=dict[str, ServedModel])
    slots: int = 1
    max_in_flight: int = 256
    sharers: int = 1
    up: bool = False
    problem: str | None = NOT_ASKED
    draining: bool = False
    dismissed: bool = False
    load: Load = field(default_factory=Load)
    health: Health = field(default_factory=Health)
    warmth: float = 1.0
    said_at: float = -inf
    unsaid: int = 0
    models_gone: int = 0
    passed_over_until: float = -inf
    answered: int = 0
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    ignored: int = 0

    def learn(self, models: ModelList) -> None:
        """Take in what the worker says that it serves, within bounds; `ignored` counts what is beyond."""
        named = [model for model in models.data if 0 < len(model.id) <= MAX_NAME_CHARS][:MAX_MODELS]
        self.models = {model.id: model for model in named}
        self.ignored = len(models.data) - len(named)
        owner = models.data[0].owned_by if models.data else ""
        self.traits = BY_OWNER.get(owner, OPENAI)

    @property
    def serves(self) -> bool:
        """Whether it may be given candidates."""
        return self.open and self.health.state is State.IN_SERVICE

    @property
    def open(self) -> bool:
        """Whether it answers and isn't on its way out."""
        return self.up and not self.draining and not self.dismissed

    @property
    def reachable(self) -> bool:
        """Whether there is hope for what it draws already."""
        return self.up and self.health.state is not State.EJECTED

    @property
    def room(self) -> int:
        """How many more candidates it may draw at once."""
        return self.limit - self.load.in_flight

    @property
    def has_room(self) -> bool:
        """Whether it may be given one more, and hasn't just said that it can't take it."""
        return self.room > 0 and (self.passed_over_until == -inf or self.passed_over_until <= time.monotonic())

    def pass_over(self, seconds: float) -> None:
        """Let others be chosen for a while, where there are any."""
        self.passed_over_until = time.monotonic() + seconds

    @property
    def url(self) -> str:
        """Where the worker is now, without a path; an embedded one may move when it is restarted."""
        return self.locate()

    @property
    def width(self) -> int:
        """How many candidates one request may draw."""
        return min(self.slots, self.limit) if self.traits.batches else 1

    @property
    def limit(self) -> int:
        """How many candidates the worker may draw at once for this process."""
        return max(1, (self.slots if self.traits.batches else self.max_in_flight) // self.sharers)

    @property
    def completions_url(self) -> str:
        """Where completions are asked for."""
        return f"{self.url}/v1/chat/completions"
