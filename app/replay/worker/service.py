"""The worker's API: models, health, metrics and completions."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec
from fastapi import FastAPI
from msgspec.structs import replace
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from app.api.body import read_body
from app.api.disconnect import while_connected
from app.errors import InvalidRequestError, ModelNotFoundError, QuorumError
from app.replay.worker.answer import Answer
from app.replay.worker.asked import Asked
from app.replay.worker.generation import Generation

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator

    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from app.replay.worker.dealer import Dealer
    from app.replay.worker.pace import Pace

MAX_BODY_BYTES = 16 * 2**20


class ReplayWorker:
    """Serves one model. Completions come at `pace`, and `cancelled` of them were cut off, as their clients went."""

    def __init__(self, dealer: Dealer, *, model: str, pace: Pace) -> None:
        self.model = model
        self.cancelled = 0
        self._pace = pace
        self._dealer = dealer
        self._ended = asyncio.Event()
        self._under_way: set[Generation] = set()
        self._generated = 0

    @property
    def running(self) -> int:
        """Completions that are under way."""
        return len(self._under_way)

    @property
    def generated(self) -> int:
        """Tokens generated so far: of a completion that was cut off, those that there were when its client went."""
        return self._generated + sum(one.generated for one in self._under_way)

    def stop(self) -> None:
        """End all completions where they are; the server calls this when it ends."""
        self._ended.set()

    def app(self) -> FastAPI:
        """Return the app that serves it."""
        routes: list[BaseRoute] = [
            Route("/health", self.health),
            Route("/metrics", self.metrics),
            Route("/v1/models", self.models),
            Route("/v1/chat/completions", self.complete, methods=["POST"]),
        ]
        app = FastAPI(routes=routes, openapi_url=None)
        app.state.service = self
        return app

    async def health(self, _request: Request) -> Response:
        """Say that all is well."""
        return Response()

    async def metrics(self, _request: Request) -> Response:
        """Return the gauges that gateways balance by, and what was generated."""
        figures = {
            "vllm:num_requests_running{}": self.running,
            "vllm:num_requests_waiting{}": 0,
            "replay_worker_generated_tokens_total": self.generated,
            "replay_worker_cancelled_requests_total": self.cancelled,
        }
        return Response("".join(f"{name} {value}\n" for name, value in figures.items()), media_type="text/plain")

    async def models(self, _request: Request) -> Response:
        """Return the model, as vLLM lists its own: it is asked for one streamed completion a candidate."""
        entry = {"id": self.model, "object": "model", "created": 0, "owned_by": "vllm"}
        return _json({"object": "list", "data": [entry]})

    async def complete(self, request: Request) -> Response:
        """Answer with the next sample of the problem that the last user message states or names by its id."""
        try:
            answer = self._answer(await read_body(request, MAX_BODY_BYTES))
            if answer.asked.stream:
                return StreamingResponse(self._stream(answer), media_type="text/event-stream")
            return await while_connected(request.receive, self._whole(answer))
        except QuorumError as error:
            return _refusal(error.status, error.message)

    def _answer(self, body: bytes) -> Answer:
        """Deal a sample to the request. Raises `InvalidRequestError` and `ModelNotFoundError`."""
        try:
            asked = msgspec.json.decode(body, type=Asked)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidRequestError(str(error)) from error
        if asked.model != self.model:
            raise ModelNotFoundError(f"The model `{asked.model}` does not exist.")
        script = self._dealer.deal(asked.question)
        if script is None:
            raise InvalidRequestError("the last user message is neither the text nor the id of a recorded problem")
        return Answer(asked, replace(script, limit=asked.limit))

    async def _whole(self, answer: Answer) -> Response:
        with self._generating(answer) as pieces:
            async for _ in pieces:
                pass
        return _refusal(503, "the worker ends") if self._ended.is_set() else _json(answer.whole())

    async def _stream(self, answer: Answer) -> AsyncIterator[bytes]:
        with self._generating(answer) as pieces:
            yield answer.opening()
            async for start, end in pieces:
                yield answer.chunk(start, end)
        if not self._ended.is_set():
            yield answer.closing()

    @contextmanager
    def _generating(self, answer: Answer) -> Generator[AsyncIterator[tuple[int, int]]]:
        """Give the pieces of a completion as they are due, and count it."""
        generation = Generation(answer.script.tokens, rate=self._pace.rate)
        self._under_way.add(generation)
        try:
            yield generation.pieces(self._pace.piece(answer.asked.stream_interval), self._ended)
        except BaseException:
            self.cancelled += 1
            raise
        finally:
            self._under_way.discard(generation)
            self._generated += generation.generated


def _json(body: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status_code=status, media_type="application/json")


def _refusal(status: int, message: str) -> Response:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": status}
    return _json({"error": error}, status)
