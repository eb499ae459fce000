"""What programs print, compared as judges of programming contests do."""

from __future__ import annotations

import re
from decimal import Decimal

_NUMBER = re.compile(r"[+-]?(?:\d{1,400}(?:\.\d{0,400})?|\.\d{1,400})(?:[eE][+-]?\d{1,4})?")


def normalised(text: str) -> str:
    """Return the text with one kind of line end, without white space at its lines' ends and empty lines at its end."""
    return "\n".join(line.rstrip() for line in text.split("\n")).rstrip("\n")


def same_text(printed: str, expected: str) -> bool:
    """Whether a program printed what is expected.

    White space at the ends of lines, and empty lines at the end, don't count. Lines that differ are compared word by
    word, where numbers are equal if their values are: `1.50` is `1.5`, and `2` is `2.0` (LiveCodeBench's habit).
    """
    ours, theirs = normalised(printed), normalised(expected)
    if ours == theirs:
        return True
    pairs = list(zip(ours.strip().split("\n"), theirs.strip().split("\n"), strict=False))
    return ours.strip().count("\n") == theirs.strip().count("\n") and all(_same_line(*pair) for pair in pairs)


def _same_line(ours: str, theirs: str) -> bool:
    if ours == theirs:
        return True
    left, right = ours.split(), theirs.split()
    return len(left) == len(right) and all(map(_same_word, left, right))


def _same_word(left: str, right: str) -> bool:
    if left == right:
        return True
    numbers = _NUMBER.fullmatch(left) and _NUMBER.fullmatch(right)
    return bool(numbers) and Decimal(left) == Decimal(right)
