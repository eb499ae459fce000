"""A job: one request, resolved and checked, as the engine takes it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from app.admission.priority import Priority
from app.candidates import Ask, Question
from app.verifiers.base import every

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.candidates import Message
    from app.strategies.base import Strategy


class Job(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What to run.

    `fields` are the request's other fields, handed to the worker as they came (`tools`, `top_k`, ...); `answers` is
    how many the caller wants back; `arrived` is when the request came in, by `perf_counter`, in seconds.
    `account` is the number of the API key that the request is put down to, for fair shares of what there is.
    `live` asks for the text while it is generated, which only a strategy that doesn't choose can give.
    """

    run_id: str
    model: str
    messages: Sequence[Message]
    strategy: Strategy
    selected_by: str
    arrived: float
    deadline_s: float
    answers: int = 1
    fields: Mapping[str, object] = {}
    live: bool = False
    account: int = 0
    priority: Priority = Priority.NORMAL

    @property
    def question(self) -> Question:
        """The question as extractors and verifiers see it."""
        shape = self.fields.get("response_format")
        kind = shape.get("type") if isinstance(shape, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        judged_as_json = any(verifier.reads_json for verifier in every(self.strategy.verifiers))
        return Question(messages=self.messages, wants_json=judged_as_json or kind in {"json_object", "json_schema"})

    @property
    def seed(self) -> int | None:
        """The request's own seed."""
        seed = self.fields.get("seed")
        return seed if isinstance(seed, int) else None

    @property
    def size(self) -> int:
        """Bytes of the request, written as JSON."""
        asked = msgspec.json.encode((self.messages, self.fields))
        return len(asked) + len(self.strategy.model_dump_json(exclude_defaults=True).encode())

    @cached_property
    def prompt_tokens(self) -> int:
        """An upper guess at the tokens of the prompt that a first candidate is drawn with."""
        return self.strategy.context.prompt_tokens(self.messages, Ask(), self.fields)

    @cached_property
    def max_tokens(self) -> int | None:
        """The most tokens that one candidate may have: the strategy's or the request's limit, and the strategy's cap.

        None where nobody said.
        """
        requested = (self.fields.get(name) for name in ("max_completion_tokens", "max_tokens"))
        limit = self.strategy.sampling.max_tokens or next((one for one in requested if isinstance(one, int)), None)
        return min((one for one in (limit, self.strategy.token_cap) if one is not None), default=None)
