"""Answer `auto`: the extractor that suits the question and the reply."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from app.answers.base import Extractor
from app.answers.code import Code
from app.answers.json import Json
from app.answers.number import Number
from app.answers.reading.braces import last_box
from app.answers.reading.fences import fenced_blocks
from app.answers.reading.listing import listed
from app.answers.reading.mathematics import is_plain, math_answer
from app.answers.reading.numbers import first_number
from app.answers.reading.options import chosen
from app.answers.reading.phrases import announced
from app.answers.reading.prose import text_answer
from app.answers.text import Text
from app.answers.tool_call import ToolCalls
from app.candidates import Answer

if TYPE_CHECKING:
    from app.candidates import Question, Reply

_MAX_QUESTION = 20_000
_ASKS_QUANTITY = re.compile(
    r"\bhow (?:many|much|far|long|old|tall|fast|often|high|heavy|deep|wide)\b"
    r"|\bpercent|\b(?:calculate|compute|evaluate|solve)\b"
    r"|\b(?:what|find|determine|give|state)\b(?: is| are| me)? (?:the |a )?"
    r"(?:total |average |mean |least |greatest |smallest |largest |maximum |minimum |exact )?"
    r"(?:number|sum|product|difference|quotient|value|amount|area|volume|perimeter|length|probability|remainder)\b",
    re.IGNORECASE,
)
_ASKS_PROSE = re.compile(
    r"\b(?:essay|story|poem|haiku|song|letter|e-?mail|paragraph|sentences?|summar(?:y|i[sz]e)|translate|rewrite|article"
    r"|blog|tweet|outline|describe|explain|discuss|compare|brainstorm|capital)\b",
    re.IGNORECASE,
)
_ASKS_WHETHER = re.compile(
    r"(?:^|[.!?:\n]\s*)(?:is|are|was|were|do|does|did|can|could|will|would|should|has|have|had|may|must)\b[^?]*\?",
    re.IGNORECASE,
)
_YES_NO = re.compile(r"\s*[*_\"']*(yes|no)\b", re.IGNORECASE)
_DOCUMENT = re.compile(r"\s*(?:```(?:json)?\s*)?[{\[].*[}\]]\s*(?:```\s*)?", re.DOTALL | re.IGNORECASE)
_WORDS = re.compile(r"[a-z' -]++", re.ASCII)
_MIN_WORD = 4
_EXPRESSION = re.compile(r"\b(?:pi|sqrt)\b|[\\^=<>+{}\[\]]|\d\s*[*/-]|^\(|^[A-Za-z]$")
_GOES_ON = re.compile(r"\s*+[,;(]\s|\s++(?!pi\b|sqrt\b)[A-Za-z(]{2}|$")
_CLAUSE = re.compile(r"(?<![\\A-Za-z{])[A-Za-z]{2,}(?:,?\s[A-Za-z]{2,}){2}")
_MAX_WORDS = 6
_EVASIVE = re.compile(r"(?:not|that|to|because|unclear|unknown|as|in|given|found|obtained|if|when)\b", re.IGNORECASE)
_TOOL_CALLS, _JSON, _CODE, _NUMBER, _TEXT = ToolCalls(), Json(), Code(), Number(), Text()


class Auto(Extractor):
    r"""Whatever answer the reply gives: the first of these that is there.

    1. calls of tools, as `tool_call`;
    2. where the question wants JSON, the document, as `json`, or else no answer;
    3. where the question lists options, as `(A) ... (B) ...`, the letter that is chosen, also in a box, as `choice`;
    4. what stands in the last `\boxed{}`, as mathematics, or as `text` if it is words;
    5. the value of a phrase like `the answer is` or `#### `: a number or an expression as mathematics, up to six words
       as `text`;
    6. a reply that is a JSON document and nothing else, as `json`;
    7. a fenced block, as `code`;
    8. where the question can be answered by yes or no, and the reply begins with either, that, as `text`;
    9. where the question asks for a quantity (`how many`, `calculate`; or it holds a digit and doesn't ask for prose),
       the last number, as `number` finds it;
    10. the whole reply, as `text`.

    The box and the phrase are looked for in the last 30,000 characters of the reply.

    So a stray number of an essay is never taken for its answer, and candidates that put the same answer differently,
    `\boxed{42}` and `the answer is 42.`, agree.
    """

    type: Literal["auto"] = "auto"

    def extract(self, reply: Reply, question: Question) -> Answer | None:
        """Return the answer; None where the reply is blank, or lacks the JSON that was asked for."""
        if reply.tool_calls:
            return _TOOL_CALLS.extract(reply, question)
        if question.wants_json:
            return _JSON.extract(reply, question)
        return _stated(reply.text, question) or _implied(reply, question)


def _stated(text: str, question: Question) -> Answer | None:
    """Return the answer that is announced as one: a chosen option, a box, a phrase."""
    options = listed(question.text)
    if options and (label := chosen(text, options)):
        return Answer(kind="choice", text=label, key=label)
    if (box := last_box(text)) is not None:
        answer = math_answer(box, question)
        return _words(answer) or answer
    value = announced(text)
    return _valued(value, question) if value else None


def _implied(reply: Reply, question: Question) -> Answer | None:
    """Return what the reply as a whole amounts to: a document, a program, a yes or no, a number, or a text."""
    if _DOCUMENT.fullmatch(reply.text) and (document := _JSON.extract(reply, question)):
        return document
    if any(block.code.strip() for block in fenced_blocks(reply.text)):
        return _CODE.extract(reply, question)
    if (said := _YES_NO.match(reply.text)) and _asks_whether(question.text[-_MAX_QUESTION:]):
        return text_answer(said[1])
    number = _NUMBER.extract(reply, question) if _asks_quantity(question.text[-_MAX_QUESTION:]) else None
    return number or _TEXT.extract(reply, question)


@lru_cache(maxsize=64)  # every candidate of a run asks the same
def _asks_whether(text: str) -> bool:
    return bool(_ASKS_WHETHER.search(text))


@lru_cache(maxsize=64)
def _asks_quantity(text: str) -> bool:
    has_digit = any("0" <= character <= "9" for character in text)
    return bool(_ASKS_QUANTITY.search(text)) or (has_digit and not _ASKS_PROSE.search(text))


def _valued(value: str, question: Question) -> Answer | None:
    """Return the answer of an announced value; None where that is no answer but a sentence that goes on."""
    answer = math_answer(value, question)
    if is_plain(answer.key):
        return answer
    number = first_number(value)
    if number and value.startswith(number) and _GOES_ON.match(value, len(number)):
        return math_answer(number, question)
    if _EXPRESSION.search(value) and not _CLAUSE.search(value):
        return answer
    if _EVASIVE.match(value) or len(value.split()) > _MAX_WORDS:
        return None
    return text_answer(value)


def _words(answer: Answer) -> Answer | None:
    """Return a boxed answer that is words and not a product of variables as the text that it is."""
    words = answer.key.split() if _WORDS.fullmatch(answer.key) else []
    return text_answer(answer.key) if any(len(word) >= _MIN_WORD or word in {"yes", "no"} for word in words) else None
