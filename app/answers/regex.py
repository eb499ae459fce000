"""Answer `regex`: what a pattern finds."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from app.answers.base import Extractor
from app.answers.reading.prose import text_answer
from app.patterns import compiled

if TYPE_CHECKING:
    from app.candidates import Answer, Question, Reply
    from app.patterns import Pattern

MAX_PATTERN = 1_000
"""Characters that a pattern may have."""

MAX_PROGRAM = 500
"""Instructions that it may compile to: what bounds the time of one character's search."""

MAX_TEXT = 20_000
"""Characters at the end of a reply that are searched."""

_MAX_STEPS = 500_000
"""Characters times instructions, the worst case of one search: a few milliseconds. It may leave fewer characters."""

_STRIDE = 32
"""Matches after which the last one is looked for in the second half of what is left, and then in the first."""


class Regex(Extractor):
    """What `pattern`, in RE2's syntax, matches last: its first group, or the whole match where it has no group.

    The last 20,000 characters of a reply are searched, fewer under a pattern of more than 25 instructions. RE2 takes
    linear time to find one match but not to find all; so where there are more than 32, the last is sought by halving.
    """

    example: ClassVar[dict[str, object]] = {"pattern": r"(\d+) apples"}

    type: Literal["regex"] = "regex"
    pattern: Annotated[str, AfterValidator(lambda pattern: _checked(pattern))] = Field(  # noqa: PLW0108 - defined below
        min_length=1, max_length=MAX_PATTERN, description="A regular expression in RE2's syntax; the last match counts."
    )

    def extract(self, reply: Reply, question: Question) -> Answer | None:  # noqa: ARG002 - the reply says it all
        """Return the last match, compared as text; None where nothing, or only blanks, match."""
        pattern = compiled(self.pattern)
        reach = min(MAX_TEXT, _MAX_STEPS // pattern.programsize)
        found = _last_match(pattern, reply.text[-reach:].encode("utf-8", "replace"))
        return None if found is None else text_answer(found.decode("utf-8", "replace"))


def _checked(pattern: str) -> str:
    """Return the pattern if RE2 can run it quickly."""
    size = compiled(pattern).programsize
    if size > MAX_PROGRAM:
        raise ValueError(f"too complex: it compiles to {size} instructions, {MAX_PROGRAM} are allowed")
    return pattern


def _last_match(pattern: Pattern, text: bytes) -> bytes | None:
    """Return the last match that isn't blank, after at most `_STRIDE` searches for each halving of the text."""
    group, found = min(pattern.groups, 1), None
    stretches: list[tuple[int, int]] = [(0, len(text) + 1)]  # where a match may begin; the last comes first
    while stretches:
        start, end = stretches.pop()
        batch = [match for match in islice(pattern.finditer(text, start), _STRIDE) if match.start() < end]
        if not batch:
            continue
        contents = [content for match in batch if (content := match.group(group)) is not None and content.strip()]
        found = contents[-1] if contents else found
        if len(batch) < _STRIDE:
            break
        start = batch[-1].end()
        middle = (start + end + 1) // 2
        stretches = [(start, middle), (middle, end)] if start < middle < end else [(start, end)]
    return found
