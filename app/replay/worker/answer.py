"""The bytes of an answer: chunks of a stream, or a whole one."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

import msgspec

from app.replay.worker.asked import StreamOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.replay.worker.asked import Asked
    from app.replay.worker.script import Script

CHARACTERS_A_TOKEN = 4
"""Of prompts, whose tokens were not recorded: a guess."""


class Answer:
    """What is sent for the words of `script`, as the request asked for it."""

    def __init__(self, asked: Asked, script: Script) -> None:
        self.asked = asked
        self.script = script
        self._options = asked.stream_options or StreamOptions()
        self._prompt_tokens = 1 + len(asked.question) // CHARACTERS_A_TOKEN
        self._head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": asked.model}

    def opening(self) -> bytes:
        """Return the chunk that says who speaks."""
        return self._chunk({"role": "assistant", "content": ""}, None, 0)

    def chunk(self, start: int, end: int) -> bytes:
        """Return the chunk of the tokens from number `start` up to `end`."""
        ends = self.script.finish_reason if end == self.script.tokens else None
        return self._chunk(self.script.said(start, end), ends, end)

    def closing(self) -> bytes:
        """Return what stands after the last chunk."""
        done = b"data: [DONE]\n\n"
        if not self._options.include_usage:
            return done
        return self._event({"choices": [], "usage": self._usage(self.script.tokens)}) + done

    def whole(self) -> Mapping[str, object]:
        """Return the answer of a request that doesn't stream."""
        message = {"role": "assistant", "content": "", **self.script.said(0, self.script.tokens)}
        choice = {"index": 0, "message": message, "finish_reason": self.script.finish_reason}
        usage = self._usage(self.script.tokens)
        return {**self._head, "object": "chat.completion", "choices": [choice], "usage": usage}

    def _chunk(self, delta: Mapping[str, str], ends: str | None, tokens: int) -> bytes:
        fields: dict[str, object] = {"choices": [{"index": 0, "delta": delta, "finish_reason": ends}]}
        if self._options.include_usage and self._options.continuous_usage_stats:
            fields["usage"] = self._usage(tokens)
        return self._event(fields)

    def _event(self, fields: Mapping[str, object]) -> bytes:
        encoded = msgspec.json.encode({**self._head, "object": "chat.completion.chunk", **fields})
        return b"data: " + encoded + b"\n\n"

    def _usage(self, completion: int) -> dict[str, int]:
        prompt = self._prompt_tokens
        return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
