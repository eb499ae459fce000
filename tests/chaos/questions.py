"""Questions that bear a number, and the answers that repeat it: so it shows to which question an answer belongs."""

from __future__ import annotations

import re
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SHORTEST, LONGEST = 24, 64
"""Words of an answer."""

_NUMBER = re.compile(r"Question number (\d+)\b")


def prompt(number: int) -> str:
    """Return the text that asks for the number."""
    return f"Question number {number}: which number is it?"


def answer(number: int) -> str:
    """Return the one right answer; every word of it bears the number."""
    words = Random(number).randint(SHORTEST, LONGEST)
    return " ".join([*(f"{number}.{place}" for place in range(words - 4)), f"The answer is {number}."])


def number_in(messages: Sequence[dict[str, object]]) -> int:
    """Return the number of the question that a conversation began with."""
    found = _NUMBER.search(str(messages[0].get("content", "")))
    if found is None:
        raise ValueError("not a question of the chaos run")
    return int(found[1])
