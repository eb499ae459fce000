"""Multiple choice: the options that a question lists, and the label that a reply chooses."""

from __future__ import annotations

import re
from collections import deque
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from app.answers.reading.braces import last_box
from app.answers.reading.phrases import announced
from app.answers.reading.prose import text_key

if TYPE_CHECKING:
    from collections.abc import Mapping

_REACH = 20_000
"""Characters at the end of a question or a reply that are looked at."""

_LISTED = re.compile(
    r"(?:^[ \t]*(?:[-*\u2022][ \t]+)?|[\s,;])(?:\*\*)?[(\[]([A-Z])[)\]]"  # (A) anywhere
    r"|(?:^[ \t]*(?:[-*\u2022][ \t]+)?|\s)(?:\*\*)?([A-Z])\)(?=[\s*])"  # A) anywhere
    r"|^[ \t]*(?:[-*\u2022][ \t]+)?(?:\*\*)?([A-Z])[.:](?=[\s*])",  # A. and A: at the start of a line
    re.MULTILINE,
)
_MARK = r"[\s*_`$\"'\u201c\u201d]*+"
_LATEX = r"(?:\\\(|\\\[|\\(?:text|textbf|mathrm|mathbf|boxed|fbox)\{)?"
_LABEL = re.compile(
    rf"{_MARK}{_LATEX}{_MARK}{_LATEX}{_MARK}(?:(?i:option|choice|answer)\b[\s:*]*+)?{_LATEX}"
    r"(?:[(\[]\s?([A-Za-z])\s?[)\]]"  # (B)
    r"|([A-Z])(?=[).:,;}*_`$\"'\u201d\\]|\s*\Z|\s*\n|\s+(?:because|since|as|is|and|with|for|[-\u2013\u2014(])(?:\s|\w))"
    r"|([a-z])(?=[).}]?[\s*_`$.]*\Z))"
)
_CHOSEN = re.compile(
    r"\b(?i:option|choice|statement)[\s*_:]*+\(?([A-Z])\)?[*_]*+\s++(?i:is)[\s*_]++(?i:the\s++)?(?i:correct|right|best|true|answer)"
    r"|\b(?i:correct|right|best)\s(?i:option|choice|one|letter)\s(?i:is|would\sbe)[\s:*_]*+"
    r"(?i:(?:option|choice)\s++)?[(\[*_]*+([A-Z])(?![\w'])(?!\s[a-z])"
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


def listed(question: str) -> Mapping[str, str]:
    """Return the options that a question lists last, by label: `{"A": "10 eV", "B": ...}`; empty for fewer than two.

    Labels are capital letters in order from A, as `(A)`, `A)`, or `A.` at the start of a line; small letters number the
    parts of a question.
    """
    return _listed(question[-_REACH:])


@lru_cache(maxsize=64)  # every candidate of a run has the same question
def _listed(question: str) -> Mapping[str, str]:
    marks: list[tuple[str, int, int]] = []
    best: list[tuple[str, int, int]] = []
    for found in _LISTED.finditer(question):
        label = next(group for group in found.groups() if group)
        if label == "A":
            marks = []
        if label == chr(ord("A") + len(marks)):
            marks.append((label, found.start(), found.end()))
        if len(marks) > 1 and (len(marks) >= len(best) or label == "B"):
            best = list(marks)
    if not best:
        return MappingProxyType({})
    ends = [start for _, start, _ in best[1:]] + [len(question)]
    return MappingProxyType(
        {label: _line(question[end:stop]) for (label, _, end), stop in zip(best, ends, strict=True)}
    )


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
        letter = next(group for group in label.groups() if group).upper()
        if letter in options:
            return letter
    key = _key(value)
    return next((label for label, option in options.items() if key and key == _key(option)), None)


def _key(text: str) -> str:
    return text_key(text.replace("$", "").replace("\\(", "").replace("\\)", ""))


def _last(pattern: re.Pattern[str], text: str, options: Mapping[str, str]) -> str | None:
    labels = (next(group for group in found.groups() if group) for found in pattern.finditer(text))
    return next(iter(deque((label for label in labels if label in options), maxlen=1)), None)


def _line(text: str) -> str:
    """Return an option's text: to the end of its line, without markup."""
    return text.strip().partition("\n")[0].strip(" \t*_;,")
