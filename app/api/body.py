"""The body of a request, which may be only so large."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.api.disconnect import GONE, ClientGoneError
from app.errors import RequestTooLargeError

if TYPE_CHECKING:
    from fastapi import Request


async def read_body(request: Request, limit: int) -> bytes:
    """Return the body, or refuse it as soon as it is over the limit of so many bytes.

    Raises `RequestTooLargeError` and `ClientGoneError`. How long it may take is bounded by the server (`app.protocol`).
    """
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > limit:
        raise RequestTooLargeError(f"the body has {declared} bytes; at most {limit} are taken")
    body = bytearray()
    more = True
    while more:
        message = await request.receive()
        if message["type"] == GONE:
            raise ClientGoneError("the client went away before it had sent its body")
        body += message.get("body", b"")
        if len(body) > limit:
            raise RequestTooLargeError(f"the body is larger than {limit} bytes")
        more = message.get("more_body", False)
    return bytes(body)
