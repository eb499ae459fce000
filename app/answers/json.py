"""Answer `json`: the last JSON document of the reply."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from app.answers.base import Extractor
from app.answers.reading.documents import NotJsonError, canonical, last_document
from app.answers.reading.fences import fenced_blocks
from app.candidates import Answer

if TYPE_CHECKING:
    from app.candidates import Question, Reply


class Json(Extractor):
    """The last JSON object or array of the reply, whether it is all of it, or fenced, or bare in prose.

    Documents that differ in the order of keys, in spacing, in escapes or in how a number is written (`1.0`, `1`) are
    the same. NaN and Infinity are not JSON; documents nest at most 64 deep.
    """

    type: Literal["json"] = "json"

    def extract(self, reply: Reply, question: Question) -> Answer | None:  # noqa: ARG002 - the reply says it all
        """Return the document; None where there is none."""
        fenced = (block.code for block in fenced_blocks(reply.text)[-1:])
        for text in (reply.text, *fenced, last_document(reply.text)):
            if text is not None and (answer := _answer(text.strip())):
                return answer
        return None


def _answer(text: str) -> Answer | None:
    if not text.startswith(("{", "[")):
        return None
    try:
        return Answer(kind="json", text=text, key=canonical(text))
    except NotJsonError:
        return None
