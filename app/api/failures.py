"""The one boundary at which errors become responses: OpenAI's body, the documented status, never a stack trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.errors import InvalidRequestError, NotFoundError, QuorumError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_PARAM = 200

RUN_HEADERS = "quorum.run_headers"
"""Where a request's scope holds the headers of its run, once there is one; its error responses bear them too."""

INTERNAL = QuorumError("an internal error occurred; the server's log tells more")


def error_body(error: QuorumError) -> dict[str, object]:
    """Return OpenAI's error body. `param` may be a name out of the request, of any length: it is cut."""
    param = error.param and error.param[:MAX_PARAM]
    return {"error": {"message": error.message, "type": error.type, "param": param, "code": error.code}}


def error_response(error: QuorumError, headers: Mapping[str, str] | None = None) -> Response:
    """Return the response for `error`."""
    sent = dict(headers or {})
    if error.retry_after_s is not None:
        sent["Retry-After"] = str(error.retry_after_s)
    body = msgspec.json.encode(error_body(error))
    return Response(body, status_code=error.status, headers=sent, media_type="application/json")


async def on_quorum_error(request: Request, error: Exception) -> Response:
    """Answer with a typed error's own status and code."""
    return error_response(error if isinstance(error, QuorumError) else INTERNAL, request.scope.get(RUN_HEADERS))


async def on_http_error(_request: Request, error: Exception) -> Response:
    """Answer what the router refused: an unknown path, or a method that the path doesn't have."""
    if not isinstance(error, HTTPException):
        return error_response(INTERNAL)
    if error.status_code == NotFoundError.status:
        return error_response(NotFoundError("there is nothing at this path"))
    refused = InvalidRequestError(str(error.detail))
    refused.status = error.status_code
    return error_response(refused, error.headers)


async def on_unexpected_error(request: Request, _error: Exception) -> Response:
    """Answer a fault of ours without a word about its inside; the server around the app logs what is raised here."""
    return error_response(INTERNAL, request.scope.get(RUN_HEADERS))


def answering(endpoint: Callable[[Request], Awaitable[Response]]) -> ASGIApp:
    """Return the ASGI app that answers requests by `endpoint`, and by an error's response where that raises.

    What is no typed error of ours is raised again, for the server around the app to log.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def noting(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        request = Request(scope, receive)
        try:
            response = await endpoint(request)
            await response(scope, receive, noting)
        except QuorumError as error:
            response = await on_quorum_error(request, error)
            await response(scope, receive, send)
        except Exception as error:
            if not begun:
                response = await on_unexpected_error(request, error)
                await response(scope, receive, send)
            raise

    return app
