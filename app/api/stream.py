"""Streamed answers: runs a job and sends what becomes of it while it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from app.api.disconnect import ClientGoneError, while_connected
from app.api.failures import error_body, failure_of
from app.api.line import Line
from app.api.teller import Teller

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.types import Receive, Scope, Send

    from app.api.intake import Intake
    from app.events import Observer
    from app.outcome import Outcome


class EventStream(Response):
    """The response to a streamed request: server-sent events, `[DONE]` at the end of every one.

    The status line is sent with the first event. Up to then, an error is a plain response with its own status;
    afterwards it is an `error` event. `execute` runs the job; it is cancelled once the client has gone.
    """

    def __init__(
        self,
        intake: Intake,
        execute: Callable[[Observer], Awaitable[tuple[Outcome, bytes]]],
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(media_type="text/event-stream", headers={**headers, "Cache-Control": "no-cache"})
        del self.headers["content-length"]
        self._intake = intake
        self._execute = execute

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Serve one request."""
        line = Line(send, status=self.status_code, headers=self.raw_headers)
        try:
            await while_connected(receive, self._serve(line), line.beat())
        except ClientGoneError:
            raise
        except BaseException as error:  # of whatever kind: a stream that has begun is ended
            if line.open:
                await line.close(error_body(failure_of(error)))
            raise

    async def _serve(self, line: Line) -> None:
        teller = Teller(self._intake, line)
        outcome, _ = await self._execute(teller)
        await teller.finish(outcome)
