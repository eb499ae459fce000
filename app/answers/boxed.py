r"""Answer `boxed`: what stands in the last `\boxed{}`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from app.answers.base import Extractor
from app.answers.reading.braces import last_box
from app.answers.reading.mathematics import math_answer

if TYPE_CHECKING:
    from app.candidates import Answer, Question, Reply


class Boxed(Extractor):
    r"""The content of the last `\boxed{...}` (or `\fbox{...}`) whose braces close, as mathematics.

    It is looked for in the last 30,000 characters of the reply.

    The habit that models are trained to on MATH (Hendrycks et al., arXiv 2103.03874).
    """

    type: Literal["boxed"] = "boxed"

    def extract(self, reply: Reply, question: Question) -> Answer | None:
        """Return the last box's content; None where no box is closed and filled."""
        content = last_box(reply.text)
        return None if content is None else math_answer(content, question)
