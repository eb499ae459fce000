"""Several responses at a time: a model picks the one that most of the others agree with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from app.judging.exhibits import UNTRUSTED, fenced
from app.judging.replies import LEAD_IN, last_lines, last_object

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.candidates import Message
    from app.inquiry import Said

LABEL = "choice"
LABELLED = re.compile(
    LEAD_IN + r"choice ?(?:[:=]|is) ?([\"'(\[]{0,3}(?:the )?(?:responses?)?[ _]?\d{1,4}\b.*)", re.IGNORECASE
)
NAMED = re.compile(
    r"\bresponses?[ _]?(\d{1,4}(?: ?(?:,|-|\u2013|/|&|or|and|to)+ ?(?:response )?\d{1,4}){0,9})\b", re.IGNORECASE
)
ALONE = re.compile(r"[\"'(\[]{0,3}(\d{1,4})[\"')\]]{0,3}\.?")
DIGITS = re.compile(r"\d{1,4}")


def choice_prompt(question: str, responses: Sequence[str]) -> list[Message]:
    """Return the conversation that asks which of the responses, numbered from 1, is the most consistent one."""
    exhibits = [("question", question), *numbered(responses)]
    text = (
        f"Here are {len(responses)} responses to one question.\n\n{fenced(exhibits)}\n\n{UNTRUSTED}\n\n"
        "Find the response that agrees best with what most of them say: the one whose answer the largest number of the "
        "others give, too, or whose statements most of them share. First say in one or two sentences what most of them "
        f"agree on. Then write the number of that response, 1 to {len(responses)}, alone on the last line, as\n"
        "Choice: N"
    )
    return [{"role": "user", "content": text}]


def read_choice(said: Said, count: int) -> int | None:
    """Return the number from 1 to `count` that the model gives at its end; None where it gives none, or several."""
    told = last_object(said).get(LABEL)
    if isinstance(told, int) and not isinstance(told, bool):
        return told if 1 <= told <= count else None
    lines = [f"{LABEL}: {told}"] if isinstance(told, str) else last_lines(said)
    for pattern in (LABELLED, NAMED, ALONE):
        for line in lines:
            numbers = _numbers(line, pattern)
            if numbers:
                number = numbers.pop()
                return number if not numbers and 1 <= number <= count else None
    return None


def numbered(responses: Sequence[str]) -> list[tuple[str, str]]:
    """Return the responses under their names: `response_1`, ..."""
    return [(f"response_{number}", response) for number, response in enumerate(responses, 1)]


def _numbers(line: str, pattern: re.Pattern[str]) -> set[int]:
    """Return the different numbers in what matches in a line: by their names, otherwise the line as a whole has to."""
    found = pattern.finditer(line) if pattern is NAMED else [pattern.fullmatch(line)]
    return {int(number) for match in found if match for number in DIGITS.findall(match[1])}
