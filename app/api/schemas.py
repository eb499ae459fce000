"""What arrives over HTTP: OpenAI's request with Quorum's field, and the reading of its JSON."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.api.problems import invalid, unreadable
from app.candidates import MAX_TOKENS
from app.errors import InvalidRequestError
from app.strategies import AnyStrategy

MAX_LONG = 2**63 - 1
MAX_ANSWERS = 1_024

Objects = Annotated[list[dict[str, object]], Field(fail_fast=True)]
"""A list of any length: its first mistake is told, not every one."""


class Message(BaseModel):
    """One message; fields that aren't named here are passed through."""

    model_config = ConfigDict(extra="allow")

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | Objects | None = None


class StreamOptions(BaseModel):
    """OpenAI's stream options; `include_quorum` asks for progress and the account as chunks."""

    model_config = ConfigDict(extra="allow")

    include_usage: bool = False
    include_quorum: bool = False


class ChatRequest(BaseModel):
    """`POST /v1/chat/completions`: OpenAI's fields, `strategy`, and whatever else the workers understand."""

    model_config = ConfigDict(extra="allow", strict=True)

    model: Annotated[str, Field(min_length=1, max_length=512)]
    messages: Annotated[list[Message], Field(min_length=1)]
    strategy: AnyStrategy | str | None = Field(
        default=None, description="A spec, a short form such as `parallel-8`, or the name of a preset."
    )
    n: Annotated[int, Field(ge=1, le=MAX_ANSWERS)] | None = Field(default=None, description="Answers to return.")
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Field(ge=0.0, le=2.0)] | None = None
    top_p: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=MAX_TOKENS)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1, le=MAX_TOKENS)] | None = None
    seed: Annotated[int, Field(ge=0, le=MAX_LONG)] | None = None
    stop: str | Annotated[list[str], Field(fail_fast=True)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    tools: Objects | None = None
    tool_choice: str | dict[str, object] | None = None
    response_format: dict[str, object] | None = None
    user: str | None = None
    metadata: dict[str, object] | None = None


def read_json(body: bytes) -> dict[str, object]:
    """Return the JSON object in `body`. Raises `InvalidRequestError`."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequestError(f"the body is {unreadable(body, error)}") from error
    if not isinstance(value, dict):
        raise InvalidRequestError("the body must be a JSON object")
    return value  # pyright: ignore[reportUnknownVariableType]


def read_request(body: dict[str, object]) -> ChatRequest:
    """Return the body's fields, checked, but for `strategy`: that is `app.api.selection`'s to read."""
    try:
        return ChatRequest.model_validate({name: value for name, value in body.items() if name != "strategy"})
    except ValidationError as error:
        raise invalid(error, body) from error
