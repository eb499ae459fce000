"""What errors become: OpenAI's body and the documented status, never a stack trace."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.errors import DeadlineExceededError, InvalidRequestError, NotFoundError, QuorumError, StoppingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

MAX_PARAM = 200

INTERNAL = QuorumError("an internal error occurred; the server's log tells more")
ENDING = StoppingError()


def failure_of(error: BaseException) -> QuorumError:
    """Return what a client is told of an error; only a server that is ending cancels a request as a whole."""
    if isinstance(error, QuorumError):
        return error
    return ENDING if isinstance(error, asyncio.CancelledError) else INTERNAL


def error_body(error: QuorumError) -> dict[str, object]:
    """Return OpenAI's error body. `param` may be a name out of the request, of any length: it is cut."""
    param = error.param and error.param[:MAX_PARAM]
    return {"error": {"message": error.message, "type": error.type, "param": param, "code": error.code}}


def error_response(error: QuorumError, headers: Mapping[str, str] | None = None) -> Response:
    """Return the response for `error`."""
    sent = dict(headers or {})
    if error.retry_after_s is not None:
        sent["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, DeadlineExceededError):
        sent["X-Should-Retry"] = "false"  # OpenAI's clients would send it again, twice, and wait as long each time
    if isinstance(error, StoppingError):
        sent["Connection"] = "close"
    body = msgspec.json.encode(error_body(error))
    return Response(body, status_code=error.status, headers=sent, media_type="application/json")


async def on_quorum_error(_request: Request, error: Exception) -> Response:
    """Answer with a typed error's own status and code."""
    return error_response(failure_of(error))


async def on_http_error(_request: Request, error: Exception) -> Response:
    """Answer what the router refused: an unknown path, or a method that the path doesn't have."""
    if not isinstance(error, HTTPException):
        return error_response(INTERNAL)
    if error.status_code == NotFoundError.status:
        return error_response(NotFoundError("there is nothing at this path"))
    refused = InvalidRequestError(str(error.detail))
    refused.status = error.status_code
    return error_response(refused, error.headers)


async def on_unexpected_error(_request: Request, _error: Exception) -> Response:
    """Answer a fault of ours without a word about its inside; the server around the app logs what is raised here."""
    return error_response(INTERNAL)
