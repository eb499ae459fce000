"""Multiple choice: the options that a question lists."""

from __future__ import annotations

import re
import string
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Mark: TypeAlias = tuple[str, int, int]
"""A label in capitals, and where it begins and ends in the question."""

_REACH = 20_000
"""Characters at the end of a question that are looked at."""

_FEWEST = 3
"""The fewest labels that are a list where each alone may stand in prose or in formulas."""

_FONT = r"\\(?:text(?:bf|rm|sf|up)?|math(?:bf|rm|sf)|bold(?:symbol)?)\s*+\{\s*+"
_APART = r"(?:^|(?<=[\s,;$~])|(?<=quad))"
_CAPITALS = re.compile(
    r"(?:^[ \t]*(?:[-*\u2022][ \t]+)?|[\s,;])(?:\*\*)?[(\[]([A-Z])[)\]]"  # (A) anywhere
    r"|(?:^[ \t]*(?:[-*\u2022][ \t]+)?|\s)(?:\*\*)?([A-Z])\)(?=[\s*])"  # A) anywhere
    r"|^[ \t]*(?:[-*\u2022][ \t]+)?(?:\*\*)?([A-Z])[.:](?=[\s*])",  # A. and A: at the start of a line
    re.MULTILINE,
)
_TYPESET = re.compile(
    rf"{_FONT}[(\[]?([A-Z])\s?[)\]]"  # \textbf{(A)}, \text{A)}
    rf"|[(\[]\s?{_FONT}([A-Z])\s?\}}\s?[)\]]"  # (\mathrm{A})
    rf"|{_APART}[(\[]([A-Z])[)\]]",  # $(A)
    re.MULTILINE,
)
_SOFT = (
    ("b)", re.compile(rf"{_APART}(?:\*\*)?(?:{_FONT})?\(([a-z])\)", re.MULTILINE)),  # (a)
    ("b)", re.compile(rf"{_APART}(?:\*\*)?(?:{_FONT})?([a-z])\)", re.MULTILINE)),  # a)
    ("b.", re.compile(r"(?:^|(?<=\s))(?:\*\*)?([a-z])\.(?=[\s*])", re.MULTILINE)),  # a.
    ("B.", re.compile(r"(?:^|(?<=\s))(?:\*\*)?([A-Z])\.(?=[\s*])", re.MULTILINE)),  # A. anywhere
    ("{B", re.compile(rf"{_FONT}([A-Z])\s?[.:]", re.MULTILINE)),  # \text{A.}
)
"""Labels that also number parts, steps and conditions, each with what is in every list of them and in few questions."""

_LEAD = 200
"""Characters before a list of such labels in which it is asked for a choice."""

_ASKS = re.compile(
    r"(?:\?|=|__)[\s\"'\u201d)\]*_$:>\u2022-]*\Z"
    r"|\b(?:which\s(?:of|one)|options?|choices?|alternatives?"
    r"|(?:choose|select|pick)\s(?:one|from|among|between|the\s(?:right|correct|best)))\b[^.?!]*[.?!:]?[\s*_$>\u2022-]*\Z",
    re.IGNORECASE,
)
_TASK = re.compile(
    r"[\s*_}:]*+(?:find|show|prove|determine|compute|calculate|evaluate|solve|simplify|factor|sketch|draw|derive|explain"
    r"|describe|discuss|state|give|list|name|write|verify|estimate|what|how|why|when|where|who)\b"
    r"|.*\?",
    re.IGNORECASE | re.DOTALL,
)
_WORD = re.compile(r"\w")
_LINK = re.compile(r"\b(?:and|or)\b")
_WITHIN = 100
"""Characters before a label in which a bracket may stand open around it, as that of an interval `(0, a)`."""

_BEFORE = re.compile(r"\A(?:[}\s*_;,:]|\\[ ,;:!]|~)+")
_BEHIND = re.compile(r"(?<![\s$~&*_;,])(?:\\q?quad|\\hspace\*?\{[^{}]*+\}|\\[ ,;:!\\]|[\s$~&*_;,])++\Z")
_MAX_OPTION = 1_000
"""Characters of an option that are kept."""


def listed(question: str) -> Mapping[str, str]:
    r"""Return the options that a question lists, by capital label: `{"A": "10 eV", "B": ...}`; empty where none are.

    Two or more capitals in order from A, as `(A)`, `A)`, or `A.` at the start of a line, are options, and so are three
    or more of them in LaTeX, as `\textbf{(A)}`; of several lists the last.

    Other labels, `(a)`, `a)`, `a.`, or `A.` within a line, often number parts, steps or conditions. They are options if
    those of one form are three or more letters in order from the first, each once in the whole question; directly
    before them stands a question mark, `=`, a blank to fill in, or a sentence that speaks of a choice; and none of them
    begins as a task does (`find`, `show`, `how`, ...) or is followed by a question mark.
    """
    return _listed(question[-_REACH:])


@lru_cache(maxsize=64)  # every candidate of a run has the same question
def _listed(question: str) -> Mapping[str, str]:
    marks: Sequence[Mark] = ()
    if "B" in question:
        typeset = _last_list(_TYPESET, question, fewest=_FEWEST)
        sure = _last_list(_CAPITALS, question, fewest=2), typeset if _are_options(typeset, question) else ()
        marks = max(sure, key=_begin)
    if not marks:
        soft = (_only_list(pattern, question) for part, pattern in _SOFT if part in question)
        marks = max(soft, key=len, default=())
    return MappingProxyType(
        {label: _shown(text) for (label, _, _), text in zip(marks, _texts(marks, question), strict=True)}
    )


def _last_list(pattern: re.Pattern[str], question: str, *, fewest: int) -> Sequence[Mark]:
    """Return the last list from A on, or the longest where the last one is shorter than another's beginning."""
    marks: list[Mark] = []
    best: list[Mark] = []
    for mark in _marks(pattern, question):
        label = mark[0]
        if label == "A":
            marks = []
        if label == chr(ord("A") + len(marks)):
            marks.append(mark)
        if len(marks) >= fewest and (len(marks) >= len(best) or label == chr(ord("A") + fewest - 1)):
            best = list(marks)
    return best


def _only_list(pattern: re.Pattern[str], question: str) -> Sequence[Mark]:
    """Return the marks of the pattern if they are one list from A on that is chosen from; none otherwise."""
    marks = [mark for mark in _marks(pattern, question) if not _is_within_brackets(mark, question)]
    letters = "".join(label for label, _, _ in marks)
    if len(marks) < _FEWEST or not string.ascii_uppercase.startswith(letters):
        return ()
    begin = marks[0][1]
    if not _ASKS.search(question[max(0, begin - _LEAD) : begin]):
        return ()
    return marks if _are_options(marks, question) else ()


def _are_options(marks: Sequence[Mark], question: str) -> bool:
    """Whether something stands behind each mark, and none of it is a task."""
    texts = _texts(marks, question)
    return all(_WORD.search(_LINK.sub("", text)) and not _TASK.match(text) for text in texts)


def _is_within_brackets(mark: Mark, question: str) -> bool:
    before = question[max(0, mark[1] - _WITHIN) : mark[1]]
    return max(before.rfind("("), before.rfind("[")) > max(before.rfind(")"), before.rfind("]"))


def _marks(pattern: re.Pattern[str], question: str) -> list[Mark]:
    found = pattern.finditer(question)
    return [(next(group for group in one.groups() if group).upper(), one.start(), one.end()) for one in found]


def _begin(marks: Sequence[Mark]) -> int:
    """Return where a list begins, -1 where there is none."""
    return marks[0][1] if marks else -1


def _texts(marks: Sequence[Mark], question: str) -> list[str]:
    """Return what follows each mark, up to the next one or to the end."""
    stops = [*(begin for _, begin, _ in marks), len(question)][1:]
    return [question[end:stop] for (_, _, end), stop in zip(marks, stops, strict=True)]


def _shown(text: str) -> str:
    """Return an option's text: to the end of its line, without markup."""
    line = text.lstrip("} \t\r\n*_").partition("\n")[0][:_MAX_OPTION]
    shown = _BEHIND.sub("", _BEFORE.sub("", line))
    return shown.removesuffix("}") if shown.count("}") > shown.count("{") else shown
