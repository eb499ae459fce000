"""Small answer spaces: where there are few values to choose from, answers agree by chance."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.candidates import Answer

FEWEST = 3
"""The fewest equal answers that say something in a small space."""

WORDS = frozenset({"yes", "no", "true", "false"})
LONGEST = max(map(len, WORDS))
FLAG = re.compile(r'\{\s*"[^"]*"\s*:\s*(?:true|false)\s*\}')


def has_few_values(answer: Answer) -> bool:
    """Whether the answer is one of few: an option, yes or no, or a JSON object that holds one boolean."""
    match answer.kind:
        case "choice":
            return True
        case "json":
            return bool(FLAG.fullmatch(answer.key))
        case _:
            return len(answer.key) <= LONGEST and answer.key.lower() in WORDS


def votes_needed(votes: int, *, few_values: bool) -> int:
    """Return how many equal answers a rule needs that asks for `votes` of them.

    Where there are few values it is one more, and never fewer than three: of answers drawn at random from four, two
    agree every fourth time.
    """
    return max(votes + 1, FEWEST) if few_values else votes
