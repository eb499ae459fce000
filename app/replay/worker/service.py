"""The worker's API: models, health, metrics and completions."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec
from fastapi import FastAPI
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from app.replay.worker.answer import Answer
from app.replay.worker.asked import Asked
from app.replay.worker.pace import spoken
from app.replay.worker.script import Script

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator

    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from app.replay.worker.dealer import Dealer

MAX_BODY_BYTES = 16 * 2**20


class ReplayWorker:
    """Serves one model. `rate` is how many tokens a second each completion generates, however many there are.

    `running` are under way. `generated` counts the tokens that were due until a completion's end, or until its client
    went, which happened `cancelled` times.
    """

    def __init__(self, dealer: Dealer, *, model: str, rate: float) -> None:
        self.model = model
        self.rate = rate
        self.running = 0
        self.generated = 0
        self.cancelled = 0
        self._dealer = dealer
        self._ended = asyncio.Event()

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
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > MAX_BODY_BYTES:
                return _refusal(413, f"the request is longer than {MAX_BODY_BYTES} bytes")
        try:
            asked = msgspec.json.decode(body, type=Asked)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return _refusal(400, str(error))
        if asked.model != self.model:
            return _refusal(404, f"The model `{asked.model}` does not exist.")
        sample = self._dealer.deal(asked.question)
        if sample is None:
            return _refusal(400, "the last user message is neither the text nor the id of a recorded problem")
        answer = Answer(asked, Script(sample=sample, limit=asked.limit))
        if asked.stream:
            return StreamingResponse(self._stream(answer), media_type="text/event-stream")
        with self._under_way():
            async for _ in self._spoken(answer):
                pass
        return _refusal(503, "the worker ends") if self._ended.is_set() else _json(answer.whole())

    async def _stream(self, answer: Answer) -> AsyncIterator[bytes]:
        with self._under_way():
            yield answer.opening()
            async for start, end in self._spoken(answer):
                yield answer.chunk(start, end)
        if not self._ended.is_set():
            yield answer.closing()

    async def _spoken(self, answer: Answer) -> AsyncIterator[tuple[int, int]]:
        """Yield each piece as it is due, and count."""
        tokens, at_once = answer.script.tokens, answer.asked.stream_interval
        async for start, end in spoken(tokens, rate=self.rate, at_once=at_once, ended=self._ended):
            self.generated += end - start
            yield start, end

    @contextmanager
    def _under_way(self) -> Generator[None]:
        self.running += 1
        try:
            yield
        except BaseException:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1


def _json(body: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status_code=status, media_type="application/json")


def _refusal(status: int, message: str) -> Response:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": status}
    return _json({"error": error}, status)
