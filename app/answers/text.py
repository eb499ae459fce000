"""Answer `text`: the whole reply."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from app.answers.base import Extractor
from app.answers.reading.prose import text_answer

if TYPE_CHECKING:
    from app.candidates import Answer, Question, Reply


class Text(Extractor):
    """The whole reply; case, spacing, and the marks around it make no difference."""

    type: Literal["text"] = "text"

    def extract(self, reply: Reply, question: Question) -> Answer | None:  # noqa: ARG002 - the reply says it all
        """Return the text; None where the reply is blank."""
        return text_answer(reply.text)
