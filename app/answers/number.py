"""Answer `number`: the last number of the reply, or the one that it announces."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from app.answers.base import Extractor
from app.answers.reading.braces import last_box
from app.answers.reading.mathematics import math_answer
from app.answers.reading.numbers import first_number, last_number
from app.answers.reading.phrases import announced

if TYPE_CHECKING:
    from app.candidates import Answer, Question, Reply

_TAIL = 200
_EQUATION = re.compile(r"=([^=\n]{1,60})\Z")


class Number(Extractor):
    r"""The number that the reply gives as its answer, as mathematics.

    The first of: a number in the last `\boxed{}`; one after `#### `, `the answer is`, `final answer:`; the right-hand
    side of an equation that ends the reply; the last number of all. Signs, thousands separators, decimals, fractions,
    percentages, powers of ten and currencies are read; digits within words and units (`H2O`, `m^2`) are not numbers.
    The box and the phrases are looked for in the last 30,000 characters of the reply.
    The phrase `####` is that of GSM8K (Cobbe et al., arXiv 2110.14168).
    """

    type: Literal["number"] = "number"

    def extract(self, reply: Reply, question: Question) -> Answer | None:
        """Return the number; None where the reply has none."""
        found = _stated(last_box(reply.text)) or _stated(announced(reply.text)) or _ending(reply.text)
        found = found or last_number(reply.text)
        return None if found is None else math_answer(found, question)


def _stated(value: str | None) -> str | None:
    """Return the number of a stated value: of `3 + 4 = 7 (see 2)` it is 7."""
    return None if value is None else first_number(value[:_TAIL].rpartition("=")[2])


def _ending(text: str) -> str | None:
    """Return the number after the equals sign in the last line of the reply: of `A = 12 m^2.` it is 12."""
    end = text[-_TAIL:].rstrip()
    equation = _EQUATION.search(end) if "=" in end else None
    return first_number(equation[1]) if equation else None
