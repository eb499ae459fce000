"""What a worker says for a recorded sample, token by token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from app.replay.recording import Sample

FILLER = " so"
"""What a token says whose own text was not recorded."""


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """The words of one completion of `tokens` tokens, as far as they go: `limit` ends it before that.

    A recorded text is spread evenly over the tokens. Without one, all but the last token are thinking, filled with
    words, and the last one says the answer in a box; where no answer was found, that is thinking, too.
    """

    sample: Sample
    limit: int | None = None

    @property
    def tokens(self) -> int:
        """How many are generated."""
        recorded = self.sample.completion_tokens
        return recorded if self.limit is None else min(recorded, self.limit)

    @property
    def finish_reason(self) -> str:
        """Why it ends."""
        return self.sample.finish_reason if self.tokens == self.sample.completion_tokens else "length"

    def said(self, start: int, end: int) -> dict[str, str]:
        """Return what the tokens from number `start` up to `end` say, as the `delta` of a chunk."""
        total = self.sample.completion_tokens
        if self.sample.text is not None:
            length = len(self.sample.text)
            return {"content": self.sample.text[length * start // total : length * end // total]}
        answer = self.sample.given
        thought = min(end, total if answer is None else total - 1) - start
        delta = {"reasoning": FILLER * thought} if thought > 0 else {}
        return delta | {"content": rf"\boxed{{{answer}}}"} if answer is not None and end == total else delta
