"""The dialect of vLLM 0.32."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.scripted.dialect import ANSWER_ID, CREATED, Chunk, Refusal, interleave, logprobs, total, usage
from tests.scripted.reply import choices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.scripted.call import Call
    from tests.scripted.reply import Choice, Json, Piece, Reply

_ERROR_TYPES = {400: "BadRequestError", 404: "NotFoundError", 503: "ServiceUnavailableError"}


@dataclass(frozen=True, slots=True, kw_only=True)
class VLLM:
    """One choice a chunk; usage summed over the choices, on every chunk if `continuous_usage_stats` asks for it.

    A text that is cut short ends in a chunk that holds both its last token and the `finish_reason`.
    """

    max_model_len: int = 4096

    @property
    def headers(self) -> tuple[str, ...]:
        """Uvicorn's."""
        return ("date: Thu, 01 Jan 2026 00:00:00 GMT", "server: uvicorn")

    @property
    def health(self) -> bytes:
        """Nothing but the status."""
        return b""

    def models(self, names: Sequence[str]) -> Json:
        """Return the list of models with their context length."""
        extra = {"owned_by": "vllm", "root": "/model", "parent": None, "max_model_len": self.max_model_len}
        return {"object": "list", "data": [{"id": n, "object": "model", "created": CREATED, **extra} for n in names]}

    def metrics(self, running: int) -> str:
        """Return the gauges that routing reads."""
        label = '{engine="0",model_name="scripted"}'
        gauges = {"num_requests_running": running, "num_requests_waiting": 0, "kv_cache_usage_perc": 0.0}
        lines = (f"# TYPE vllm:{name} gauge\nvllm:{name}{label} {float(value)}\n" for name, value in gauges.items())
        return "".join(lines)

    def error(self, status: int, message: str) -> Json:
        """Return an error with all four fields."""
        kind = _ERROR_TYPES.get(status, "InternalServerError")
        return {"error": {"message": message, "type": kind, "param": None, "code": status}}

    def refusal(self, call: Call, names: Sequence[str]) -> Refusal | None:
        """Refuse unknown models, greedy siblings and more than 20 logprobs."""
        if call.model not in names:
            return Refusal(status=404, error=self.error(404, f"The model `{call.model}` does not exist."))
        if call.n < 1:
            return Refusal(status=400, error=self.error(400, f"n must be at least 1, got {call.n}."))
        if call.greedy and call.n > 1:
            message = f"n must be 1 when using greedy sampling, got {call.n}."
            return Refusal(status=400, error=self.error(400, message))
        if call.top_logprobs > 20:
            message = f"Requested sample logprobs of {call.top_logprobs}, which is greater than max allowed: 20"
            return Refusal(status=400, error=self.error(400, message))
        return None

    def chunks(self, call: Call, reply: Reply) -> list[Chunk]:
        """Return the role chunk of every choice, then the tokens in turn, then the usage."""
        found = choices(reply, call)
        roles = [self._role(call, reply, choice) for choice in found]
        events = roles + interleave([[chunk] for chunk in self._deltas(call, reply, choice)] for choice in found)
        if call.include_usage:
            closing: Json = {
                **_base(call, "chat.completion.chunk"),
                "choices": [],
                "usage": usage(call, reply, total(found)),
            }
            events.append(Chunk(payload=closing))
        return events

    def completion(self, call: Call, reply: Reply) -> Json:
        """Return the whole answer."""
        found = choices(reply, call)
        listed = [
            {
                "index": choice.index,
                "message": choice.message(reply, "reasoning"),
                "logprobs": logprobs(choice.pieces, call),
                "finish_reason": choice.finish_reason,
                "stop_reason": None,
            }
            for choice in found
        ]
        return {**_base(call, "chat.completion"), "choices": listed, "usage": usage(call, reply, total(found))}

    def _role(self, call: Call, reply: Reply, choice: Choice) -> Chunk:
        entry: Json = {"index": choice.index, "delta": {"role": "assistant", "content": ""}}
        return self._chunk(call, reply, {**entry, "logprobs": None, "finish_reason": None}, tokens=0, sent=0)

    def _deltas(self, call: Call, reply: Reply, choice: Choice) -> list[Chunk]:
        sent = 0
        events: list[Chunk] = []
        merged = choice.finish_reason == "length" and bool(choice.pieces)
        for number, piece in enumerate(choice.pieces, 1):
            sent += len(piece.tokens)
            ends = choice.finish_reason if merged and number == len(choice.pieces) else None
            entry = _entry(call, choice.index, piece.delta(reply, "reasoning"), piece, ends)
            events.append(self._chunk(call, reply, entry, tokens=len(piece.tokens), sent=sent))
        if not merged:
            entry = _entry(call, choice.index, {"content": ""}, None, choice.finish_reason)
            events.append(self._chunk(call, reply, entry, tokens=0, sent=sent))
        return events

    def _chunk(self, call: Call, reply: Reply, entry: Json, *, tokens: int, sent: int) -> Chunk:
        payload = {**_base(call, "chat.completion.chunk"), "choices": [entry]}
        if call.continuous_usage and call.include_usage:
            counts = usage(call, reply, sent)
            counts.pop("prompt_tokens_details", None)  # told at the very end only
            payload["usage"] = counts
        return Chunk(payload=payload, tokens=tokens, finishes=entry["finish_reason"] is not None)


def _base(call: Call, kind: str) -> Json:
    return {"id": ANSWER_ID, "object": kind, "created": CREATED, "model": call.model}


def _entry(call: Call, index: int, delta: Json, piece: Piece | None, ends: str | None) -> Json:
    chances = logprobs([piece], call) if piece else None
    entry: Json = {"index": index, "delta": delta, "logprobs": chances, "finish_reason": ends}
    if ends:
        entry["stop_reason"] = None
    return entry | {"token_ids": None}
