"""The boundary around chat completions: whatever becomes of a request, it is counted once and answered once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
from starlette.requests import Request

from app.api.failures import INTERNAL, error_response, failure_of
from app.api.service import service_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.responses import Response
    from starlette.types import Message, Receive, Scope, Send

    from app.job import Job


class Ticket(msgspec.Struct):
    """What the boundary is told of a request on its way: its job, once there is one, and that its run was counted."""

    job: Job | None = None
    counted: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the run, which its errors bear too."""
        job = self.job
        return {"X-Quorum-Run-Id": job.run_id, "X-Quorum-Strategy": job.strategy.name} if job else {}


class Answering:
    """The ASGI app that answers requests by `endpoint`, and by an error's response where that raises.

    Where the server ends it cancels the request, which gets an answer, too. A fault of ours is raised again, for the
    server around the app to log.
    """

    def __init__(self, endpoint: Callable[[Request, Ticket], Awaitable[Response]]) -> None:
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        ticket, begun = Ticket(), False

        async def noting(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        request = Request(scope, receive)
        try:
            response = await self._endpoint(request, ticket)
            await response(scope, receive, noting)
        except (Exception, asyncio.CancelledError) as error:
            failure = failure_of(error)
            if not ticket.counted:
                service_of(request).count_failure(error, ticket.job)
            if not begun:
                await error_response(failure, ticket.headers)(scope, receive, send)
            if failure is INTERNAL:
                raise
