"""Small answer spaces: where there are few values to choose from, answers agree by chance."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from app.answers.reading.listing import listed

if TYPE_CHECKING:
    from app.candidates import Answer, Question

FEWEST = 3
"""The fewest equal answers that say something in a small space."""

LONGEST = 40
"""Characters that a yes or no may have with what is said beside it; longer ones hardly agree by chance."""

WORD = re.compile(
    r"(?!no\.\s*\d)(?:yes|no|true|false)(?:\s*[.,;:!].*|\s+[(\u2013\u2014-].*|\s(?:it|they|he|she|this|that|there)\b.*)?",
    re.IGNORECASE | re.DOTALL,
)
FLAG = re.compile(r'\{\s*"[^"]*"\s*:\s*(?:true|false)\s*\}')
LETTER = re.compile(r"\([A-J]\)")


def asks_for_few(question: Question) -> bool:
    """Whether the answers are known to be few before there is any: the question lists options."""
    return bool(listed(question.text))


def has_few_values(answer: Answer) -> bool:
    """Whether the answer is one of few: an option, yes or no, or a JSON object that holds one boolean."""
    match answer.kind:
        case "choice":
            return True
        case "json":
            return bool(FLAG.fullmatch(answer.key))
        case _:
            return len(answer.key) <= LONGEST and bool(WORD.fullmatch(answer.key) or LETTER.fullmatch(answer.key))


def votes_needed(votes: int, *, few_values: bool) -> int:
    """Return how many equal answers a rule needs that asks for `votes` of them.

    Where there are few values it is one more, and never fewer than three: of answers drawn at random from four, two
    agree every fourth time.
    """
    return max(votes + 1, FEWEST) if few_values else votes
