"""The bare fan-out loop that the gateway is measured against.

The same server stack as the gateway's, aiohttp as the client, and only what no fan-out can do without: read the
request, stream every call, parse its events, vote on equal texts, answer. `python -m tests.bench.bare --port P --worker
URL`.
"""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import msgspec
import uvicorn
from fastapi import FastAPI, Request, Response

from tests.bench.bodies import CALLS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class Delta(msgspec.Struct):
    """What a chunk adds to a choice."""

    content: str | None = None


class Choice(msgspec.Struct):
    """A choice of a chunk."""

    delta: Delta
    finish_reason: str | None = None


class Counts(msgspec.Struct):
    """The usage of a call."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


class Chunk(msgspec.Struct):
    """An event of a stream."""

    choices: list[Choice] = []
    usage: Counts | None = None


class Asked(msgspec.Struct):
    """A request."""

    model: str
    messages: list[dict[str, object]]
    strategy: str = "single"
    max_tokens: int | None = None


class Fan:
    """Sends a request's calls and votes on what they say."""

    def __init__(self, session: aiohttp.ClientSession, worker: str) -> None:
        self._session = session
        self._url = f"{worker}/v1/chat/completions"
        self._asked = msgspec.json.Decoder(Asked)
        self._chunk = msgspec.json.Decoder(Chunk)

    async def answer(self, raw: bytes) -> bytes:
        """Return the body of the answer to the request `raw`."""
        asked = self._asked.decode(raw)
        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(self._call(asked, seed)) for seed in range(CALLS[asked.strategy])]
        texts, counts = zip(*(task.result() for task in calls), strict=True)
        winner, votes = Counter(texts).most_common(1)[0]
        completion = sum(count.completion_tokens for count in counts)
        prompt = sum(count.prompt_tokens for count in counts)
        message = {"role": "assistant", "content": winner}
        return msgspec.json.encode(
            {
                "object": "chat.completion",
                "model": asked.model,
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": prompt, "completion_tokens": completion},
                "votes": votes,
            }
        )

    async def _call(self, asked: Asked, seed: int) -> tuple[str, Counts]:
        body: dict[str, object] = {"model": asked.model, "messages": asked.messages, "seed": seed, "stream": True}
        body["stream_options"] = {"include_usage": True}
        if asked.max_tokens:
            body["max_tokens"] = asked.max_tokens
        said: list[str] = []
        counts = Counts()
        headers = {"Content-Type": "application/json"}
        async with self._session.post(self._url, data=msgspec.json.encode(body), headers=headers) as response:
            response.raise_for_status()
            rest = b""
            async for data in response.content.iter_any():
                *events, rest = (rest + data).split(b"\n\n")
                for event in events:
                    counts = self._take(event, said) or counts
        return "".join(said), counts

    def _take(self, event: bytes, said: list[str]) -> Counts | None:
        """Add the text of `event` to `said` and return the usage that it tells, if it does."""
        data = event.removeprefix(b"data: ")
        if data == b"[DONE]":
            return None
        chunk = self._chunk.decode(data)
        said += [choice.delta.content for choice in chunk.choices if choice.delta.content]
        return chunk.usage


def create_app(worker: str) -> FastAPI:
    """Return the loop in front of `worker`."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None)) as session:
            app.state.fan = Fan(session, worker)
            yield

    app = FastAPI(lifespan=lifespan)

    async def complete(request: Request) -> Response:
        fan: Fan = request.app.state.fan
        return Response(await fan.answer(await request.body()), media_type="application/json")

    async def healthz() -> Response:
        return Response()

    app.add_api_route("/v1/chat/completions", complete, methods=["POST"])
    app.add_api_route("/healthz", healthz)
    return app


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bare")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--worker", required=True)
    options = parser.parse_args()
    uvicorn.run(create_app(options.worker), host="127.0.0.1", port=options.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
