"""What every extractor has in common: a reply in, the answer that it gives out."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from app.parts import Part

if TYPE_CHECKING:
    from app.candidates import Answer, Question, Reply


_INLINE_CHARACTERS = 6_000
"""Characters that take even the slowest extractors, `json` and `code`, no more than some ten milliseconds."""


class Extractor(Part):
    """Finds the answer in a reply; pure, deterministic, and linear in the length of the reply.

    It never raises: a reply without an answer gives None, and its candidate doesn't vote.
    """

    few_values: ClassVar[bool] = False
    """Whether its answers are always of a small space, in which candidates agree by chance."""

    @abstractmethod
    def extract(self, reply: Reply, question: Question) -> Answer | None:
        """Return the answer that `reply` gives to `question`, or None."""

    async def find(self, reply: Reply, question: Question) -> Answer | None:
        """Return what `extract` does, in a thread where the reply is too long for the event loop to wait for that."""
        length = len(reply.text) + sum(len(call.arguments) for call in reply.tool_calls)
        if length <= _INLINE_CHARACTERS:
            return self.extract(reply, question)
        return await asyncio.to_thread(self.extract, reply, question)
