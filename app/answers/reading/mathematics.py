r"""Mathematical answers: one way of writing each, as far as that takes no algebra.

What `canonical` does is textual: it drops delimiters, spacing and sizes, knows the ways to write a fraction, and
writes every plain number as an integer or as a reduced fraction, so that `0.50`, `1/2`, `\dfrac12` and `$\frac{1}{2}$`
have one key. `app.answers.equivalence` does the algebra. As math-verify does, it takes `x=5` for 5, and drops degrees
and units after a number. A percentage is a hundredth of its number: 50% is 1/2; but where the question itself speaks
of percent the sign is a unit, and 50% is 50, as those who leave it out say.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from app.answers.reading.braces import last_box, unwrap
from app.answers.reading.numbers import plain, rational
from app.candidates import Answer

if TYPE_CHECKING:
    from fractions import Fraction

    from app.candidates import Question

MAX_CHARACTERS = 2_000
"""The longest expression that is normalised; a longer one is compared as text."""

_WRAPPERS = (
    ("$$", "$$"),
    ("$", "$"),
    (r"\(", r"\)"),
    (r"\[", r"\]"),
    ("**", "**"),
    ("`", "`"),
    (r"\text{", "}"),
    (r"\textbf{", "}"),
    (r"\mathbf{", "}"),
    (r"\mathrm{", "}"),
    (r"\displaystyle", ""),
    ("{", "}"),
)
_REWRITES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\s+", " "),
        (r"\\(?:left|right|big|Big|bigg|Bigg)(?![A-Za-z])", ""),
        (r"\\(?:[!,;:> ]|q?quad(?![A-Za-z]))|~", " "),
        (r"\{,\}", ","),
        (r"\\[dtc]frac(?![A-Za-z])", r"\\frac"),
        (r"\\frac\s*(\d)\s*(\d)", r"\\frac{\1}{\2}"),
        (r"\\frac\s*(\d)\s*\{", r"\\frac{\1}{"),
        (r"(\\frac\s*\{[^{}]*+\})\s*(\d)", r"\1{\2}"),
        (r"\\sqrt\s*(\d)", r"\\sqrt{\1}"),
        (r"\\\$|[$€£¥]", ""),
        (r"\\%", "%"),
        (r"\^\s*(?:\\circ(?![A-Za-z])|\{\s*\\circ\s*\})|\\degrees?(?![A-Za-z])|°", ""),
        (r"\\(?:leq|leqslant)(?![A-Za-z])|≤", r"\\le "),
        (r"\\(?:geq|geqslant)(?![A-Za-z])|≥", r"\\ge "),
        (r"π", r"\\pi "),
        (r"∞", r"\\infty "),
        (r"(?<![A-Za-z0-9])\s+|\s+(?![A-Za-z0-9])", ""),
        (r"\s+", " "),
    )
)
_ASSIGNMENT = re.compile(r"\\?[A-Za-z]+(?:_(?:\w|\{\w+\}))?=(.+)", re.DOTALL)
_UNIT = re.compile(
    r"(.*?\d[\d}]*)\s*(?:\\(?:text|mathrm|mbox|textrm|operatorname)\{[^{}]*\}|(?: [A-Za-z]{2,}){1,4})(?:\^\{?\d\}?)?"
)
_NO_UNIT = re.compile(r"\b(?:or|and|to|pi|sqrt|percent|thousand|million|billion|trillion|hundred|dozen)\b")
_MAX_MEASURE = 200
"""Characters that a number with its unit may have."""

_PROSE = re.compile(r"[A-Z]?[a-z]+(?: [A-Za-z][a-z]*)*")
_INTEGER = re.compile(r"-?\d{1,18}", re.ASCII)
_PLAIN_KEY = re.compile(r"-?\d+(?:/\d+)?", re.ASCII)


def math_answer(text: str, question: Question) -> Answer:
    """Return the mathematical answer that `text`, an expression without prose around it, stands for."""
    return Answer(
        kind="math", text=text.strip(), key=canonical(text, percent_is_unit="percent" in question.text.lower())
    )


def canonical(text: str, *, percent_is_unit: bool = False) -> str:
    """Return the key of an expression: `n` or `n/d` for a plain number, and else the expression written plainly."""
    if _INTEGER.fullmatch(text):  # as most answers are
        return str(int(text))
    if len(text) > MAX_CHARACTERS:
        return " ".join(text.split())
    written = _written(text)
    value = _value(written, percent_is_unit=percent_is_unit)
    if value is not None:
        return str(value)
    return written.lower() if _PROSE.fullmatch(written) else written


def is_plain(key: str) -> bool:
    """Whether the key is that of a plain number; two such are equal only if their keys are."""
    return _PLAIN_KEY.fullmatch(key) is not None


def _written(text: str) -> str:
    written = _bare(plain(text))
    for pattern, replacement in _REWRITES:
        written = pattern.sub(replacement, written)
    return _bare(written)


def _bare(text: str) -> str:
    """Return the expression without a box, the delimiters and the full stop around it."""
    for _ in range(8):  # as deep as anybody nests them
        before = text
        text = text.strip().rstrip(".,;:").rstrip()
        if text.startswith((r"\boxed", r"\fbox")):
            text = last_box(text) or text
        text = next((inner for pair in _WRAPPERS if (inner := unwrap(text, *pair))), text)
        if text == before:
            break
    return text


def _value(written: str, *, percent_is_unit: bool) -> Fraction | None:
    """Return the number that the expression is, or is but for its unit or the variable that it is assigned to."""
    if assignment := _ASSIGNMENT.fullmatch(written):
        written = assignment[1]
    if percent_is_unit:
        written = written.removesuffix("%").removesuffix(" percent")
    value = rational(written)
    if (
        value is None
        and len(written) <= _MAX_MEASURE
        and not _NO_UNIT.search(written)
        and (unit := _UNIT.fullmatch(written))
    ):
        value = rational(unit[1])
    return value
