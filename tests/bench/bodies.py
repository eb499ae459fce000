"""The requests of a bench, as bytes."""

from __future__ import annotations

import msgspec

QUESTION = "What is the sum of the first ten primes? Answer with a single letter."
CALLS = {"single": 1, "parallel-8": 8}


def asking(strategy: str, *, max_tokens: int | None = None) -> tuple[bytes, ...]:
    """Return the request to a gateway, or to the bare loop, for an answer under `strategy`."""
    limit = {} if max_tokens is None else {"max_tokens": max_tokens}
    return (_post({**_conversation(), "strategy": strategy, **limit}),)


def calling(strategy: str) -> tuple[bytes, ...]:
    """Return the requests to the upstream itself that `strategy` comes down to."""
    streamed = {"stream": True, "stream_options": {"include_usage": True}}
    return tuple(_post({**_conversation(), **streamed, "seed": seed}) for seed in range(CALLS[strategy]))


def _conversation() -> dict[str, object]:
    return {"model": "scripted", "messages": [{"role": "user", "content": QUESTION}]}


def _post(body: dict[str, object]) -> bytes:
    content = msgspec.json.encode(body)
    head = (
        "POST /v1/chat/completions HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
        "",
        "",
    )
    return "\r\n".join(head).encode() + content
