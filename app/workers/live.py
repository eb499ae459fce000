"""What one choice says, made fit for handing on while it is generated: its thinking apart, and under one name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from app.workers.thinking import ThinkingSplitter
from app.workers.wire import Delta

if TYPE_CHECKING:
    from app.workers.wire import Choice, RawChoice

_SPOKEN = ("content", "reasoning", "reasoning_content")
_SILENT, _EMPTY = Delta(), msgspec.Raw(b"{}")
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class LiveChoice:
    """Goes through one choice's deltas in their order.

    A delta goes out as the bytes that it came in, other fields and all, unless thinking has to be told from text or
    renamed. So one that comes without thinking costs a glance, once its text hasn't begun with a tag.
    """

    __slots__ = ("_splitter",)

    def __init__(self) -> None:
        self._splitter = ThinkingSplitter()

    def revise(self, raw: RawChoice, choice: Choice) -> None:
        """Set right what `raw` says; `choice` is the same, decoded."""
        if choice.delta is None:
            raw.delta = _EMPTY
        delta = choice.delta or _SILENT
        if self._splitter.settled and delta.reasoning_content is None:
            return
        said = self._split(delta, ends=choice.finish_reason is not None)
        if said != (delta.reasoning or "", delta.content or "") or delta.reasoning_content is not None:
            raw.delta = _rewritten(raw.delta, *said)

    def _split(self, delta: Delta, *, ends: bool) -> tuple[str, str]:
        """Return the (thinking, text) to hand on now; where thinking comes as such, text isn't looked at."""
        thought = delta.reasoning or delta.reasoning_content or ""
        parts = [self._splitter.finish()] if thought else []
        parts.append(self._splitter.feed(delta.content or ""))
        if ends:
            parts.append(self._splitter.finish())
        return "".join(part for part, _ in parts) + thought, "".join(part for _, part in parts)


def _rewritten(delta: msgspec.Raw, thinking: str, text: str) -> msgspec.Raw:
    """Return the JSON of a delta with what it says replaced."""
    fields: dict[str, object] = {name: value for name, value in _decode_fields(delta).items() if name not in _SPOKEN}
    if thinking:
        fields["reasoning"] = thinking
    if text:
        fields["content"] = text
    return msgspec.Raw(msgspec.json.encode(fields))
