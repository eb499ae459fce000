"""What the scripted upstream reads out of a request."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec


class StreamOptions(msgspec.Struct):
    """`stream_options` of a request."""

    include_usage: bool | None = False
    continuous_usage_stats: bool | None = False


class Body(msgspec.Struct):
    """The fields of a chat completion request that change how an engine answers."""

    messages: list[dict[str, object]]
    model: str = ""
    n: int | None = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    seed: int | None = None
    temperature: float | None = None
    logprobs: bool | None = False
    top_logprobs: int | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request as far as the bytes of its answer depend on it, so that equal calls share encoded answers.

    `prompt_tokens` counts words; `top_logprobs` is -1 where no logprobs are wanted.
    """

    model: str
    prompt_tokens: int
    n: int
    stream: bool
    include_usage: bool
    continuous_usage: bool
    greedy: bool
    top_logprobs: int
    max_tokens: int | None


_DECODER = msgspec.json.Decoder(Body)


def parse(raw: bytes) -> tuple[Call, int | None]:
    """Return the call and its seed; raises `msgspec.MsgspecError` where the body is not a chat completion request."""
    body = _DECODER.decode(raw)
    options = body.stream_options or StreamOptions()
    call = Call(
        model=body.model,
        prompt_tokens=sum(len(str(message.get("content", "")).split()) for message in body.messages),
        n=1 if body.n is None else body.n,
        stream=bool(body.stream),
        include_usage=bool(options.include_usage),
        continuous_usage=bool(options.continuous_usage_stats),
        greedy=body.temperature == 0,
        top_logprobs=(body.top_logprobs or 0) if body.logprobs else -1,
        max_tokens=body.max_completion_tokens or body.max_tokens,
    )
    return call, body.seed
