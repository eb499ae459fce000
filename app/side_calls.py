"""The model calls of a run that draw no candidate: those of judges, and of aggregators that ask a model."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING

import msgspec

from app.candidates import Usage
from app.errors import CandidateError, InquiryError, QuorumError, WorkerUnreachableError
from app.inquiry import Said, SideCall
from app.tokens import TEMPLATE_TOKENS, prompt_tokens
from app.workers.call import Call
from app.workers.wire import usage_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import TypeVar

    from app.inquiry import Inquiry
    from app.price import Price
    from app.purse import Purse
    from app.stopwatch import Stopwatch
    from app.workers.client import Client
    from app.workers.pool import Pool
    from app.workers.worker import Worker

    T = TypeVar("T")

MAX_POSTED_BODY = 4 * 1024 * 1024
"""Bytes of the answer to a `post`; more is none."""

TIME_IS_UP = "the run's time is up"


class SideCalls:
    """Makes these calls for one run: implements `app.inquiry.Models`.

    `model` is the request's own, `deadline` in the event loop's time, `upstream` measures the time during which any
    call of the run was under way. `made` holds every call whose tokens are not some candidate's.
    """

    def __init__(
        self,
        *,
        model: str,
        deadline: float,
        pool: Pool,
        client: Client,
        purse: Purse,
        prices: Mapping[str, Price],
        upstream: Stopwatch,
    ) -> None:
        self.made: list[SideCall] = []
        self.calls = 0
        self._model = model
        self._deadline = deadline
        self._pool = pool
        self._client = client
        self._purse = purse
        self._prices = prices
        self._upstream = upstream

    def check(self, model: str | None) -> None:
        """Make sure that a worker serves `model`. Raises `ModelNotFoundError` and `NoWorkerError`."""
        self._pool.pick(model or self._model)

    async def ask(self, inquiry: Inquiry) -> Said:
        """Return the model's answer. Raises `InquiryError`."""
        model = inquiry.model or self._model
        prompt = TEMPLATE_TOKENS + prompt_tokens(inquiry.messages)
        price = self._prices.get(model)
        if not self._purse.set_aside(prompt, inquiry.max_tokens, price):
            raise InquiryError("the budget has no room for it")
        call = Call(width=1, completed=_ignore, spent=_ignore)
        completion, begun, worker = call.completions[0], perf_counter(), None

        async def attempt(at: Worker) -> None:
            nonlocal worker
            worker = at
            await call.run(self._client, at.completions_url, self._body(inquiry, model, at))

        try:
            await self._within_deadline(lambda: self._attempted(model, attempt))
        finally:
            ended = completion.finish_reason is not None
            usage = completion.spent()
            self._purse.settle(prompt, inquiry.max_tokens, usage, price)
            if not (ended and inquiry.becomes_candidate):
                self._book(model, usage, begun)
        return Said(
            reply=completion.reply(),
            finish_reason=completion.finish_reason or "",
            worker=worker.id if worker else "",
            usage=usage,
            latency_ms=(perf_counter() - begun) * 1_000,
        )

    async def post(self, model: str, path: str, body: Mapping[str, object]) -> bytes:
        """POST `body` to a `path` of a worker that serves `model`. Raises `InquiryError`."""
        encoded, begun = msgspec.json.encode({"model": model, **body}), perf_counter()
        received = bytearray()

        async def attempt(at: Worker) -> None:
            async with self._client.stream(at.url + path, encoded) as pieces:
                async for piece in pieces:
                    received.extend(piece)
                    if len(received) > MAX_POSTED_BODY:
                        raise InquiryError("the worker's answer is of unreasonable length")

        try:
            await self._within_deadline(lambda: self._attempted(model, attempt))
        finally:
            told = usage_of(received)
            usage = Usage(prompt=told.prompt_tokens or 0, completion=told.completion_tokens or 0)
            self._book(model, usage, begun)
        return bytes(received)

    async def _within_deadline(self, work: Callable[[], Awaitable[None]]) -> None:
        if asyncio.get_running_loop().time() >= self._deadline:
            raise InquiryError(TIME_IS_UP)
        try:
            async with asyncio.timeout_at(self._deadline):
                await work()
        except TimeoutError as error:
            raise InquiryError(TIME_IS_UP) from error

    async def _attempted(self, model: str, attempt: Callable[[Worker], Awaitable[None]]) -> None:
        """Make the call; once more, on another worker, where the first can't be reached."""
        try:
            worker = self._pool.pick(model)
            try:
                await self._made(worker, attempt)
            except WorkerUnreachableError:
                self._pool.lost(worker)
                await self._made(self._pool.pick(model), attempt)
        except InquiryError:
            raise
        except QuorumError as error:
            raise InquiryError(error.message) from error

    async def _made(self, worker: Worker, attempt: Callable[[Worker], Awaitable[None]]) -> None:
        self.calls += 1
        worker.in_flight += 1
        self._upstream.start()
        try:
            await attempt(worker)
        except CandidateError as error:
            self._pool.failed(worker, error)
            raise
        finally:
            self._upstream.stop()
            worker.in_flight -= 1

    def _body(self, inquiry: Inquiry, model: str, worker: Worker) -> bytes:
        return msgspec.json.encode(
            {
                **worker.traits.quiet,
                "model": model,
                "messages": inquiry.messages,
                "max_tokens": inquiry.max_tokens,
                "temperature": inquiry.temperature,
                "stream": True,
                "stream_options": worker.traits.stream_options,
            }
        )

    def _book(self, model: str, usage: Usage, begun: float) -> None:
        self.made.append(SideCall(model=model, usage=usage, seconds=perf_counter() - begun, began=begun))


def _ignore(_number: int) -> None:
    """Take no note: a side call has one completion, and its tokens are booked at its end."""
