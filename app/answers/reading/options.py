"""Multiple choice: the label that a reply chooses."""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING

from app.answers.reading.braces import last_box
from app.answers.reading.phrases import announced
from app.answers.reading.prose import text_key

if TYPE_CHECKING:
    from collections.abc import Mapping

_REACH = 20_000
"""Characters at the end of a reply that are looked at."""

_MARK = r"[\s*_`$\"'\u201c\u201d]*+"
_LATEX = r"(?:\\\(|\\\[|\\(?:text(?:bf|rm)?|math(?:bf|rm)|boxed|fbox)\{)?"
_LABEL = re.compile(
    rf"{_MARK}{_LATEX}{_MARK}{_LATEX}{_MARK}(?:(?i:option|choice|answer)\b[\s:*]*+)?{_LATEX}"
    rf"(?:[(\[]\s?{_LATEX}([A-Za-z])\s?\}}?\s?[)\]]"  # (B), (\textbf{B})
    r"|([A-Z])(?=[).:,;}*_`$\"'\u201d\\]|\s*\Z|\s*\n|\s+(?:because|since|as|is|and|with|for|[-\u2013\u2014(])(?:\s|\w))"
    r"|([a-z])(?=[).}]?[\s*_`$.]*\Z|\)\s))"
)
_SMALL = re.compile(r"(?<![\w\\])[(\[]([a-z])[)\]]|^[ \t]*+([a-z])\)", re.MULTILINE)
_CHOSEN = re.compile(
    r"\b(?i:option|choice|statement)[\s*_:]*+\(?([A-Za-z])\)?[*_]*+\s++(?i:is)[\s*_]++(?i:the\s++)?(?i:correct|right|best|true|answer)"
    r"|\b(?i:correct|right|best)\s(?i:option|choice|one|letter)\s(?i:is|would\sbe)[\s:*_]*+"
    r"(?i:(?:option|choice)\s++)?[(\[*_]*+([A-Z])(?![\w'])(?!\s[a-z])"
    r"|\b(?i:correct|right|best)\s(?i:option|choice|one|letter)\s(?i:is|would\sbe)[\s:*_]*+\(?([a-z])\)"
    r"|\b(?i:choose|chose|pick|select|selecting|choosing|go\swith)\s[*_]*+(?i:(?:the\s)?(?:option|choice|answer)?)[\s:*_]*+"
    r"[(\[]?([B-HJ-Z]|[AI](?=[)\]*_.,]|\Z))(?![\w'])"
)
_MARKED = re.compile(
    r"(?<!\w)[(\[]([A-Z])[)\]](?!\w)"
    r"|\*\*\(?([A-Z])(?:[).:]|\*\*)"
    r"|^[ \t>]*+([A-Z])(?:[):](?=\s|$)|\.?[ \t]*+$)",
    re.MULTILINE,
)
_SHORT = 200
"""Characters of a reply that may be nothing but its choice."""

_MAX_VALUE = 1_000
"""Characters of an announced value that may be an option."""


def chosen(text: str, options: Mapping[str, str]) -> str | None:
    """Return the label that a reply chooses among `options`; None where it chooses none.

    The first of: the label, or an option's text, in the last box; the same in the last phrase that announces an answer;
    a reply that is no more than that; `option B is correct`; the last label that is set off, as `(B)` or `**B**`.
    """
    for value in (last_box(text), announced(text), text if len(text) <= _SHORT else None):
        if value is not None and len(value) <= _MAX_VALUE and (label := _named(value, options)):
            return label
    tail = text[-_REACH:]
    return _last(_CHOSEN, tail, options) or _last(_MARKED, tail, options)


def _named(value: str, options: Mapping[str, str]) -> str | None:
    """Return the label that a short value begins with, or whose option's text it is."""
    label = _LABEL.match(value)
    if label is not None:
        letter = next(group for group in label.groups() if group)
        if letter.upper() in options and not _answers_parts(value[label.end() :], letter):
            return letter.upper()
    key = _key(value)
    return next((label for label, option in options.items() if key and key == _key(option)), None)


def _answers_parts(rest: str, letter: str) -> bool:
    """Whether what follows a small letter goes on with others, as `(a) 5, (b) 6` does: these are answers of parts."""
    return letter.islower() and any(letter not in found.groups() for found in _SMALL.finditer(rest))


def _key(text: str) -> str:
    return text_key(text.replace("$", "").replace("\\(", "").replace("\\)", ""))


def _last(pattern: re.Pattern[str], text: str, options: Mapping[str, str]) -> str | None:
    labels = (next(group for group in found.groups() if group).upper() for found in pattern.finditer(text))
    return next(iter(deque((label for label in labels if label in options), maxlen=1)), None)
