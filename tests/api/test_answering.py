"""Whatever becomes of a request, it is counted once and answered once."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from fastapi import FastAPI
from starlette.responses import Response

from app.api.answering import Answering, Ticket
from app.api.front import FrontDoor
from app.errors import NoWorkerError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Message, Receive, Scope, Send

FAULTS = [(NoWorkerError("x"), 503), (asyncio.CancelledError(), 503), (OSError("secret"), 500)]


class Breaks(Response):
    """Begins, and then raises."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self._error = error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise self._error


async def answered(endpoint: Answering) -> tuple[list[Message], list[BaseException], BaseException | None]:
    """Return what is sent, what is counted as failed, and what is raised."""
    sent: list[Message] = []
    counted: list[BaseException] = []
    service = SimpleNamespace(count_failure=lambda error, _job: counted.append(error))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType, reportUnknownMemberType]
    scope: Scope = {"type": "http", "app": SimpleNamespace(state=SimpleNamespace(service=service)), "headers": []}

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    try:
        await endpoint(scope, receive, send)
    except BaseException as error:  # noqa: BLE001 - which one is the test's question
        return sent, counted, error
    return sent, counted, None


@pytest.mark.parametrize(("fault", "status"), FAULTS)
def test_what_raises_before_anything_is_sent_gets_the_errors_response(fault: BaseException, status: int) -> None:
    async def endpoint(_request: Request, _ticket: Ticket) -> Response:
        raise fault

    sent, counted, raised = asyncio.run(answered(Answering(endpoint)))
    assert [one.get("status") for one in sent] == [status, None]
    assert b"secret" not in sent[1]["body"]
    assert counted == [fault]
    assert raised is (fault if status == 500 else None)


@pytest.mark.parametrize(("fault", "status"), FAULTS)
def test_what_raises_after_the_response_has_begun_is_counted_and_not_answered_again(
    fault: BaseException, status: int
) -> None:
    async def endpoint(_request: Request, _ticket: Ticket) -> Response:
        return Breaks(fault)

    sent, counted, raised = asyncio.run(answered(Answering(endpoint)))
    assert [one.get("status") for one in sent] == [200]
    assert counted == [fault]
    assert raised is (fault if status == 500 else None)


@pytest.mark.parametrize(("fault", "status"), FAULTS)
def test_a_run_that_was_counted_is_not_counted_again(fault: BaseException, status: int) -> None:
    async def endpoint(_request: Request, ticket: Ticket) -> Response:
        ticket.counted = True
        raise fault

    sent, counted, _ = asyncio.run(answered(Answering(endpoint)))
    assert sent[0]["status"] == status
    assert counted == []


def test_chat_completions_are_answered_under_a_mount_too() -> None:
    async def endpoint(request: Request, _ticket: Ticket) -> Response:
        return Response(request.scope["path"])

    outer = FastAPI()
    outer.mount("/q", FrontDoor(chat=Answering(endpoint)))
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "http",
        "method": "POST",
        "path": "/q/v1/chat/completions",
        "headers": [],
        "query_string": b"",
    }
    asyncio.run(outer(scope, receive, send))
    assert (sent[0]["status"], sent[1]["body"]) == (200, b"/q/v1/chat/completions")
