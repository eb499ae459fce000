"""One question over real HTTP: a streamed request, read event by event to its account."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, TypeAlias, cast

import httpx2

from app.demo.answered import Answered
from app.errors import QuorumError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from app.demo.plan import Ask

Json: TypeAlias = dict[str, object]
Report: TypeAlias = "Callable[[Json], None]"
"""Is called with each progress report of a run."""

TIME_LIMIT_S = 120.0
DONE = "[DONE]"


class AskError(QuorumError):
    """A request of the demo did not come to a complete answer; the message says why."""


class Asker:
    """Asks the server behind `http`, whose base URL is set, for the answers of one model."""

    def __init__(self, http: httpx2.AsyncClient, model: str) -> None:
        self._http = http
        self._model = model

    async def ask(self, ask: Ask, report: Report) -> Answered:
        """Return the answer with its account. Raises `AskError`."""
        try:
            async with asyncio.timeout(TIME_LIMIT_S):
                return await self._ask(ask, report)
        except TimeoutError as error:
            raise AskError(f"no complete answer within {TIME_LIMIT_S:.0f} s") from error
        except httpx2.HTTPError as error:
            raise AskError(f"the connection failed: {error or type(error).__name__}") from error

    async def _ask(self, ask: Ask, report: Report) -> Answered:
        body = ask.body(self._model)
        async with self._http.stream("POST", "/v1/chat/completions", json=body) as response:
            if not response.is_success:
                await response.aread()
                raise AskError(f"status {response.status_code}: {response.text}")
            return await _read(ask, events(response), report)


async def served_model(http: httpx2.AsyncClient) -> str:
    """Return the name of the first model that the server has. Raises `AskError`."""
    try:
        rows = (await http.get("/v1/models")).json().get("data")
    except httpx2.HTTPError as error:
        raise AskError(f"the connection failed: {error or type(error).__name__}") from error
    if not rows:
        raise AskError("the server serves no model")
    return str(rows[0]["id"])


async def events(response: httpx2.Response) -> AsyncIterator[Json]:
    """Yield the events of a stream. Raises `AskError` where it breaks off before its end."""
    async for line in response.aiter_lines():
        name, _, value = line.partition(": ")
        if name != "data":
            continue
        if value == DONE:
            return
        yield json.loads(value)
    raise AskError("the stream ended before [DONE]")


async def _read(ask: Ask, stream: AsyncIterator[Json], report: Report) -> Answered:
    """Return the account of the last event that bears one, and hand on each report of progress."""
    account: Json | None = None
    finished = False
    async for event in stream:
        if "error" in event:
            raise AskError(f"the stream said: {json.dumps(event['error'])}")
        choices = cast("list[Json]", event.get("choices", []))
        finished |= any(choice.get("finish_reason") for choice in choices)
        told = cast("Json", event.get("quorum", {}))
        if "progress" in told:
            report(cast("Json", told["progress"]))
        elif told:
            account = told
    if account is None or not finished:
        raise AskError("the answer came without its quorum object" if finished else "the answer has no finish_reason")
    return Answered.read(ask, account)
