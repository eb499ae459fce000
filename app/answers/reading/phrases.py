"""The phrases by which a reply announces its answer: `the answer is 42`, `**Answer:** B`, `#### 42`."""

from __future__ import annotations

import re
from collections import deque

from app.answers.reading import TAIL
from app.answers.reading.numbers import plain, rational

_ANCHOR = re.compile(r"####|\banswers?\b", re.IGNORECASE)
_LAST = 8
"""How many announcements, from the last one back, are looked at."""

_REACH = 400
"""Characters after the word `answer` in which its value is looked for."""

_CONNECTION = re.compile(
    r"""
    (?:\s+(?:to|for|of)\b[^.\n:]{0,100}?|,[^,.\n]{1,40},)?     # to the question; therefore
    (?:
        [*_`\s]*+(?:[:=]|\b(?:is|are|was|(?:would|should|must|will)\sbe|equals)\b)
      | [*_`]*+[ ]*+\n                                         # a heading
      | [ ]*+(?=\([A-Z]\))                                     # Answer (B)
    )
    (?:\s*(?:clearly|therefore|simply|thus|then|exactly|approximately|about|indeed)\b)?
    [\s*_:>]*+
    """,
    re.VERBOSE | re.IGNORECASE,
)
_DELIMITED = re.compile(r"\$\$?([^$\n]{1,200})\$\$?|\\\((.{1,200}?)\\\)|\\\[(.{1,200}?)\\\]", re.DOTALL)
_END = re.compile(
    r"[.!?;](?=[\s*_`\"')]|$)|\n|,?\s(?:because|since|which|where|so|as)\s|\s[-\u2013\u2014]\s", re.IGNORECASE
)
_MARKUP = " \t\r*_`\"'"
_MAX_VALUE = 200


def announced(text: str) -> str | None:
    """Return the value of the last phrase that announces an answer, without markup and closing punctuation.

    Of a long text the last `TAIL` characters are looked at.
    """
    text = text[-TAIL:]
    if "####" not in text and "answer" not in text.casefold():
        return None
    anchors = deque(_ANCHOR.finditer(text), maxlen=_LAST)
    for anchor in reversed(anchors):
        rest = text[anchor.end() : anchor.end() + _REACH]
        value = _after_hashes(rest) if anchor.group() == "####" else _after_word(rest)
        if value:
            return value
    return None


def _after_hashes(rest: str) -> str | None:
    """Return the number after GSM8K's `####`, which is also Markdown's mark of a heading."""
    value = rest.partition("\n")[0].strip(_MARKUP)
    return value if rational(plain(value).replace("$", "").rstrip(".")) is not None else None


def _after_word(rest: str) -> str | None:
    """Return the value after the word `answer`; None where that word doesn't announce one."""
    connection = _CONNECTION.match(rest)
    if connection is None:
        return None
    rest = rest[connection.end() :]
    if rest.startswith("```"):
        return None
    if delimited := _DELIMITED.match(rest):
        return next(group for group in delimited.groups() if group is not None).strip()
    end = _END.search(rest)
    value = rest[: end.start()] if end else rest
    value = value.strip(_MARKUP).rstrip(".,;:").strip(_MARKUP)
    return value[:_MAX_VALUE]
