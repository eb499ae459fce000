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

    A recorded text in which the answer is said (`spoken`) is spread evenly over the tokens. Otherwise all but the last
    token are thinking, of the recorded text or else filled with words, and the last one says the answer in a box;
    where no answer was found, that is thinking, too.
    """

    sample: Sample
    spoken: bool
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
        total, answer = self.sample.completion_tokens, self.sample.given
        if self.spoken:
            return {"content": self._words(start, end, total)}
        thinking = total if answer is None else total - 1
        thought = self._words(start, min(end, thinking), thinking) if start < thinking else ""
        delta = {"reasoning": thought} if thought else {}
        return delta | {"content": rf"\boxed{{{answer}}}"} if answer is not None and end == total else delta

    def _words(self, start: int, end: int, total: int) -> str:
        """Return the words of these tokens, where all words are spread over `total` of them."""
        text = self.sample.text
        return FILLER * (end - start) if text is None else text[len(text) * start // total : len(text) * end // total]
