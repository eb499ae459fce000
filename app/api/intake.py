"""From a request's bytes to a job: everything that can be wrong with a request is found here."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, cast

import msgspec

from app.admission.priority import PRIORITY_HEADER, priority_of
from app.aliases import model_of
from app.api.body import read_body
from app.api.schemas import StreamOptions, read_json, read_request
from app.candidates import plain_text
from app.errors import InvalidRequestError, InvalidStrategyError, RequestTooLargeError
from app.job import Job
from app.strategies.single import Single

if TYPE_CHECKING:
    from fastapi import Request

    from app.api.selection import Selector
    from app.candidates import Message
    from app.settings.sections import Limits
    from app.strategies.base import Strategy
    from app.workers.pool import Pool

STRATEGY_HEADER = "X-Quorum-Strategy"

NO_OPTIONS = StreamOptions()

READ_HERE = frozenset({"model", "messages", "strategy", "n", "stream", "stream_options"})
"""Fields that become parts of the job; it is given the others as they came."""


class Intake(msgspec.Struct, frozen=True, kw_only=True):
    """One request, understood: the job, and how its answer is to be sent."""

    job: Job
    stream: bool
    options: StreamOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Takes requests in."""

    selector: Selector
    limits: Limits
    pool: Pool

    async def take(self, request: Request, account: int) -> Intake:
        """Return the request as a job, put down to `account`. Raises the 4xx errors of `app.errors`."""
        arrived = perf_counter()
        priority = priority_of(request.headers.get(PRIORITY_HEADER))
        body = read_json(await read_body(request, self.limits.max_body_bytes))
        self._check_size(body.get("messages"))
        chat = read_request(body)
        selection = self.selector.select(
            model=chat.model,
            body=body.get("strategy"),
            header=request.headers.get(STRATEGY_HEADER),
            serves=self.pool.knows,
        )
        strategy, answers = self._answers(selection.strategy, chat.n)
        self._check_extent(strategy, asked=chat.n is not None and strategy.draws == chat.n)
        own_limit = strategy.budget.deadline_s
        messages = body["messages"]
        job = Job(
            run_id=f"run_{secrets.token_hex(16)}",
            model=model_of(selection.model, self.pool),
            messages=messages,  # pyright: ignore[reportArgumentType] - a list of objects: `chat` has validated it
            strategy=strategy,
            selected_by=selection.selected_by,
            arrived=arrived,
            deadline_s=min(self.limits.deadline_s, own_limit or self.limits.deadline_s),
            answers=answers,
            fields={name: value for name, value in body.items() if name not in READ_HERE and value is not None},
            live=bool(chat.stream) and isinstance(strategy, Single),
            account=account,
            priority=priority,
        )
        return Intake(job=job, stream=bool(chat.stream), options=chat.stream_options or NO_OPTIONS)

    def _check_size(self, given: object) -> None:
        """Refuse messages over the limits, before anything looks at each; whether they are messages is seen later."""
        messages = cast("list[object]", given) if isinstance(given, list) else []
        if len(messages) > self.limits.max_messages:
            raise RequestTooLargeError(
                f"{len(messages)} messages; at most {self.limits.max_messages} are taken", param="messages"
            )
        contents = (cast("Message", one).get("content") for one in messages if isinstance(one, dict))
        characters = sum(len(plain_text(content)) for content in contents)
        if characters > self.limits.max_message_chars:
            raise RequestTooLargeError(
                f"the messages have {characters} characters; at most {self.limits.max_message_chars} are taken",
                param="messages",
            )

    @staticmethod
    def _answers(strategy: Strategy, n: int | None) -> tuple[Strategy, int]:
        """Return the strategy and how many answers to return, by the request's `n`."""
        if isinstance(strategy, Single):
            strategy = strategy if n is None else strategy.model_copy(update={"n": n})
            return strategy, strategy.n
        if n is not None and n > strategy.draws:
            raise InvalidRequestError(
                f"n is {n}, but strategy {strategy.name!r} draws at most {strategy.draws} candidates", param="n"
            )
        return strategy, n or 1

    def _check_extent(self, strategy: Strategy, *, asked: bool) -> None:
        """Refuse what draws or pads too much; `asked` says that it is the request's own `n` that draws so many."""
        if strategy.draws > self.limits.max_candidates:
            raise InvalidStrategyError(
                f"the strategy draws up to {strategy.draws} candidates, over the limit of {self.limits.max_candidates}",
                param="n" if asked else "strategy",
            )
        if strategy.context.pad_tokens > self.limits.max_pad_tokens:
            raise InvalidStrategyError(
                f"pad_tokens is {strategy.context.pad_tokens}, over the limit of {self.limits.max_pad_tokens}",
                param="strategy.context.pad_tokens",
            )
