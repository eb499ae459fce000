"""What every extractor has in common: a reply in, the answer that it gives out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.parts import Part

if TYPE_CHECKING:
    from app.candidates import Answer, Question, Reply


class Extractor(Part):
    """Finds the answer in a reply; pure, deterministic, and linear in the length of the reply.

    It never raises: a reply without an answer gives None, and its candidate doesn't vote.
    """

    def extract(self, reply: Reply, question: Question) -> Answer | None:
        """Return the answer that `reply` gives to `question`, or None."""
        raise NotImplementedError
