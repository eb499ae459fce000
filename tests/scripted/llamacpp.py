"""The dialect of llama.cpp's server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.scripted.dialect import ANSWER_ID, CREATED, Chunk, Refusal, interleave, logprobs, usage
from tests.scripted.reply import choices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.scripted.call import Call
    from tests.scripted.reply import Choice, Json, Reply

_ERROR_TYPES = {400: "invalid_request_error", 404: "not_found_error", 503: "unavailable_error"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LlamaCpp:
    """The choices interleave; each ends with a finish chunk and a usage chunk of its own, which counts it alone.

    Any model name is accepted. `slots` is how many choices one request may ask for.
    """

    slots: int = 8
    context: int = 2048

    @property
    def headers(self) -> tuple[str, ...]:
        """The ones that the real server sends."""
        return ("Server: llama.cpp", "Access-Control-Allow-Origin: ", "Keep-Alive: timeout=5, max=100")

    @property
    def health(self) -> bytes:
        """A word."""
        return b'{"status":"ok"}'

    def models(self, names: Sequence[str]) -> Json:
        """Return the models twice, as the server does: its own list and OpenAI's."""
        meta = {"vocab_type": 2, "n_vocab": 49152, "n_ctx": self.context, "n_ctx_train": 8192, "n_embd": 576}
        extra: Json = {"aliases": [], "tags": [], "object": "model", "created": CREATED, "owned_by": "llamacpp"}
        return {
            "models": [{"name": name, "model": name, "type": "model"} for name in names],
            "object": "list",
            "data": [{"id": name, **extra, "meta": meta} for name in names],
        }

    def metrics(self, running: int) -> str:
        """Return the gauges that routing reads."""
        gauges = {"requests_processing": min(running, self.slots), "requests_deferred": max(0, running - self.slots)}
        lines = (f"# TYPE llamacpp:{name} gauge\nllamacpp:{name} {value}\n" for name, value in gauges.items())
        return "".join(lines)

    def error(self, status: int, message: str) -> Json:
        """Return an error without `param`."""
        return {"error": {"code": status, "message": message, "type": _ERROR_TYPES.get(status, "server_error")}}

    def refusal(self, call: Call, names: Sequence[str]) -> Refusal | None:
        """Refuse more choices than there are slots."""
        del names
        if 1 <= call.n <= self.slots:
            return None
        message = f"Field 'n': Value must be between 1 <= value <= {self.slots}, but got {call.n}"
        return Refusal(status=400, error=self.error(400, message))

    def chunks(self, call: Call, reply: Reply) -> list[Chunk]:
        """Return the choices in turn, each from its role to its usage."""
        return interleave(self._choice(call, reply, choice) for choice in choices(reply, call))

    def completion(self, call: Call, reply: Reply) -> Json:
        """Return the whole answer, whose usage counts one choice only."""
        found = choices(reply, call)
        listed: list[Json] = []
        for choice in found:
            entry: Json = {"finish_reason": choice.finish_reason, "index": choice.index}
            entry["message"] = choice.message(reply, "reasoning_content")
            listed.append(_with_logprobs(entry, logprobs(choice.pieces, call, numbered=True)))
        counts = _usage(call, reply, found[0])
        timings = _timings(call, found[0])
        return {"choices": listed, **_base(call, "chat.completion"), "usage": counts, "timings": timings}

    def _choice(self, call: Call, reply: Reply, choice: Choice) -> list[list[Chunk]]:
        """Return the steps of a choice: the role comes with its first token, the usage with its end."""
        steps = [[_chunk(call, choice.index, {"role": "assistant", "content": None})]]
        for piece in choice.pieces:
            chances = logprobs([piece], call, numbered=True)
            delta = piece.delta(reply, "reasoning_content")
            steps.append([_chunk(call, choice.index, delta, tokens=len(piece.tokens), chances=chances)])
        steps[:2] = [[chunk for step in steps[:2] for chunk in step]]
        finish = _chunk(call, choice.index, {}, ends=choice.finish_reason)
        timings = _timings(call, choice)
        if not call.include_usage:
            closing = {**finish.payload, "timings": timings}
            return [*steps, [Chunk(payload=closing, finishes=True)]]
        base = _base(call, "chat.completion.chunk")
        counts: Json = {"choices": [], **base, "usage": _usage(call, reply, choice), "timings": timings}
        return [*steps, [finish, Chunk(payload=counts)]]


def _chunk(
    call: Call, index: int, delta: Json, *, tokens: int = 0, ends: str | None = None, chances: Json | None = None
) -> Chunk:
    entry = _with_logprobs({"finish_reason": ends, "index": index, "delta": delta}, chances)
    payload: Json = {"choices": [entry], **_base(call, "chat.completion.chunk")}
    return Chunk(payload=payload, tokens=tokens, finishes=ends is not None)


def _with_logprobs(entry: Json, chances: Json | None) -> Json:
    """Return the entry of a choice with its logprobs, if there are any: a choice without them has no such field."""
    return {**entry, "logprobs": chances} if chances else entry


def _base(call: Call, kind: str) -> Json:
    stamp: Json = {"created": CREATED, "id": ANSWER_ID, "model": call.model}
    return stamp | {"system_fingerprint": "b0-unknown", "object": kind}


def _usage(call: Call, reply: Reply, choice: Choice) -> Json:
    return {"prompt_tokens_details": {"cached_tokens": 0}} | usage(call, reply, choice.tokens)


def _timings(call: Call, choice: Choice) -> Json:
    return {
        "cache_n": 0,
        "prompt_n": call.prompt_tokens,
        "prompt_ms": 1.0,
        "prompt_per_token_ms": 1.0,
        "prompt_per_second": 1000.0,
        "predicted_n": choice.tokens,
        "predicted_ms": 1.0,
        "predicted_per_token_ms": 1.0,
        "predicted_per_second": 1000.0,
    }
