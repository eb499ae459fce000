"""The model calls of a run that draw no candidate: those of judges, and of aggregators that ask a model."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING

import msgspec

from app.candidates import Usage
from app.errors import (
    CandidateError,
    InquiryError,
    QuorumError,
    WorkerGarbageError,
    WorkerStatusError,
    WorkerUnreachableError,
)
from app.inquiry import Said, SideCall
from app.tokens import TEMPLATE_TOKENS, prompt_tokens
from app.workers.balancing.base import Draw
from app.workers.call import Call
from app.workers.health import State
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

AT_ONCE = 64
"""Side calls of one run that are under way at the same time; others wait for their turn."""

TIME_IS_UP = "the run's time is up"


class Errand(msgspec.Struct, kw_only=True):
    """One call while it is being made: what is set aside for it, in tokens, and when it began, by `perf_counter`.

    `worker` is the last that was tried, `reached` how many of those tried may have read the prompt.
    """

    model: str
    prompt: int
    max_tokens: int
    begun: float
    worker: Worker | None = None
    reached: int = 0


class SideCalls:
    """Makes these calls for one run: implements `app.inquiry.Models`.

    `model` is the request's own, `deadline` in the event loop's time. `upstream` measures the time during which any
    call of the run was under way, `busy`, a part of it, that of the request's own model. `made` holds every call whose
    tokens are not some candidate's.
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
        busy: Stopwatch,
    ) -> None:
        self.made: list[SideCall] = []
        self.calls = 0
        self.upstream = upstream
        self.busy = busy
        self._model = model
        self._deadline = deadline
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._pool = pool
        self._client = client
        self._purse = purse
        self._prices = prices

    def check(self, model: str | None) -> None:
        """Make sure that a worker serves `model`. Raises `ModelNotFoundError` and `NoWorkerError`."""
        self._pool.check(model or self._model)

    async def ask(self, inquiry: Inquiry) -> Said:
        """Return the model's answer, also where its stream broke off behind its end. Raises `InquiryError`."""
        prompt = TEMPLATE_TOKENS + prompt_tokens(inquiry.messages, inquiry.fields)
        errand = self._errand(inquiry.model or self._model, prompt, inquiry.max_tokens)
        call, ended = Call(width=1, completed=_ignore, spent=_ignore), False
        completion = call.completions[0]

        async def attempt(at: Worker) -> None:
            await call.run(self._client, at.completions_url, self._body(inquiry, errand.model, at))

        try:
            await self._within_deadline(errand, attempt, lambda: bool(call.tokens or completion.finish_reason))
            ended = True
        except InquiryError:
            ended = completion.finish_reason is not None
            if not ended:
                raise
        finally:
            usage = completion.spent()
            self._settle(errand, usage)
            if not (ended and inquiry.becomes_candidate):
                self._book(errand, usage)
        return Said(
            reply=completion.reply(),
            finish_reason=completion.finish_reason or "",
            worker=errand.worker.id if errand.worker else "",
            usage=usage,
            latency_ms=(perf_counter() - errand.begun) * 1_000,
        )

    async def post(self, model: str, path: str, body: Mapping[str, object], *, prompt_tokens: int) -> bytes:
        """POST `body` to a `path` of a worker that serves `model`. Raises `InquiryError`."""
        errand = self._errand(model, prompt_tokens)
        encoded = msgspec.json.encode({"model": model, **body})
        received = bytearray()

        async def attempt(at: Worker) -> None:
            async with self._client.stream(at.url + path, encoded) as pieces:
                async for piece in pieces:
                    received.extend(piece)
                    if len(received) > MAX_POSTED_BODY:
                        raise InquiryError("the worker's answer is of unreasonable length")

        try:
            await self._within_deadline(errand, attempt, lambda: bool(received))
        finally:
            told = usage_of(received)
            usage = Usage(prompt=told.prompt_tokens or 0, completion=told.completion_tokens or 0)
            self._settle(errand, usage)
            self._book(errand, usage)
        return bytes(received)

    def _errand(self, model: str, prompt: int, max_tokens: int = 0) -> Errand:
        """Return a call that its most is set aside for. Raises `InquiryError` where the budget has no room for it."""
        errand = Errand(model=model, prompt=prompt, max_tokens=max_tokens, begun=perf_counter())
        if not self._purse.set_aside(prompt, max_tokens, self._prices.get(model)):
            raise InquiryError("the budget has no room for it")
        return errand

    async def _within_deadline(
        self, errand: Errand, attempt: Callable[[Worker], Awaitable[None]], arrived: Callable[[], bool]
    ) -> None:
        if asyncio.get_running_loop().time() >= self._deadline:
            raise InquiryError(TIME_IS_UP)
        try:
            async with asyncio.timeout_at(self._deadline), self._turns:
                errand.begun = perf_counter()
                await self._attempted(errand, attempt, arrived)
        except TimeoutError as error:
            raise InquiryError(TIME_IS_UP) from error

    async def _attempted(
        self, errand: Errand, attempt: Callable[[Worker], Awaitable[None]], arrived: Callable[[], bool]
    ) -> None:
        """Make the call; once more, on another worker, where the first can't be reached or fails before it `arrived`.

        Where there is no other, the first one's error stands.
        """
        try:
            draw = Draw(tokens=errand.prompt + errand.max_tokens)
            worker = self._pool.pick(errand.model, draw)
            self._pool.retries.deposit()
            try:
                await self._made(errand, worker, attempt)
            except CandidateError as error:
                elsewhere = self._pool.another(errand.model, draw, avoid=(worker,))
                if elsewhere is None or arrived() or not _moves(error) or not self._pool.retries.take():
                    raise
                await self._made(errand, elsewhere, attempt)
        except InquiryError:
            raise
        except QuorumError as error:
            raise InquiryError(error.message) from error

    async def _made(self, errand: Errand, worker: Worker, attempt: Callable[[Worker], Awaitable[None]]) -> None:
        self.calls += 1
        errand.worker = worker
        errand.reached += 1
        tokens = errand.prompt + errand.max_tokens
        trial = worker.health.state is State.ON_TRIAL
        worker.load.begin(1, tokens)
        watch = self.busy if errand.model == self._model else self.upstream
        watch.start()
        try:
            async with self._pool.stragglers.held(worker):
                await attempt(worker)
            self._pool.served(worker)
        except WorkerUnreachableError as error:
            errand.reached -= 1
            self._pool.lost(worker, error)
            raise
        except CandidateError as error:
            self._pool.failed(worker, error)
            raise
        finally:
            watch.stop()
            worker.load.end(1, tokens)
            if trial:
                worker.health.trying = False

    def _settle(self, errand: Errand, usage: Usage) -> None:
        """Put down what the call cost, and nothing where it reached no worker."""
        price = self._prices.get(errand.model)
        self._purse.settle(errand.prompt, errand.max_tokens, usage if errand.reached else None, price)

    def _body(self, inquiry: Inquiry, model: str, worker: Worker) -> bytes:
        return msgspec.json.encode(
            {
                **worker.traits.quiet,
                **inquiry.fields,
                "model": model,
                "messages": inquiry.messages,
                "max_tokens": inquiry.max_tokens,
                "temperature": inquiry.temperature,
                "stream": True,
                "stream_options": worker.traits.stream_options,
            }
        )

    def _book(self, errand: Errand, usage: Usage) -> None:
        seconds = perf_counter() - errand.begun
        self.made.append(SideCall(model=errand.model, usage=usage, seconds=seconds, began=errand.begun))


def _moves(error: CandidateError) -> bool:
    """Whether another worker may do better where one has failed of `error` before it gave anything."""
    if isinstance(error, WorkerStatusError):
        return error.others_may_serve
    return not isinstance(error, WorkerGarbageError)


def _ignore(_number: int) -> None:
    """Take no note: a side call has one completion, and its tokens are booked at its end."""
