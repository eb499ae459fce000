"""What a worker says when it doesn't answer: OpenAI's error object, or something that is no such thing."""

from __future__ import annotations

import msgspec

from app.errors import WorkerStatusError

MAX_MESSAGE = 1_000
KEY_REFUSED = {401, 403}


class ErrorFields(msgspec.Struct):
    """The fields of OpenAI's error object that are of use here; servers fill them with differing types."""

    message: object = None
    code: object = None
    param: object = None


class ErrorBody(msgspec.Struct):
    """`{"error": {...}}`, as OpenAI, vLLM and llama.cpp send it."""

    error: ErrorFields


def describe_refusal(status: int, body: bytes) -> WorkerStatusError:
    """Return the error for a response of `status` with `body`.

    Only the message of a well-formed error object is quoted: whatever else a server sends (a proxy's page, a stack
    trace) is nothing to show to a client.
    """
    try:
        fields = msgspec.json.decode(body, type=ErrorBody).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        fields = ErrorFields()
    return from_fields(status, fields)


def from_fields(status: int, fields: ErrorFields) -> WorkerStatusError:
    """Return the error for the fields of an error object that came with `status`.

    What a worker says of a key is about the gateway's own, which clients are not to see a trace of.
    """
    said = fields.message if isinstance(fields.message, str) and fields.message else "no reason given"
    if status in KEY_REFUSED:
        said = "it doesn't take the gateway's key"
    return WorkerStatusError(
        f"the worker answered with status {status}: {said[:MAX_MESSAGE]}",
        worker_status=status,
        code=fields.code if isinstance(fields.code, str) else None,
        param=fields.param if isinstance(fields.param, str) else None,
    )
