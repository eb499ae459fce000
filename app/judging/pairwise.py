"""Two responses at a time: a judge says which is better. Asked in both orders, as judges favour a place."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from app.judging.exhibits import UNTRUSTED, fenced
from app.judging.pointwise import RUBRIC
from app.judging.replies import LEAD_IN, last_lines, last_object
from app.side_by_side import side_by_side

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from app.candidates import Message
    from app.inquiry import Said

Preference: TypeAlias = Literal["A", "B", "tie"]

LABEL = "verdict"
TIES = ("tie", "draw", "equal", "neither", "both")

LABELLED = re.compile(
    LEAD_IN + r"(?:verdict|winner|better|best|judge?ment)(?: (?:one|response|answer))? ?(?:[:=]|is) ?(.{1,60})",
    re.IGNORECASE,
)
END = r"[\"')\]]{0,3}[.,;!]?"
CHOSEN = re.compile(
    r"[\"'(\[]{0,3}(?:the )?(?:response|answer|option)?[ _]?([AB])[\"')\]]{0,3}(?: is better| wins)?" + END,
    re.IGNORECASE,
)
TIED = re.compile(
    r"[\"'(\[]{0,3}(?:an? )?(?:"
    + "|".join(TIES)
    + r")(?: is better| wins| (?:are )?(?:equal|equally \w{1,20}))?"
    + END,
    re.IGNORECASE,
)
ALONE = re.compile(r"[\"'(\[]{0,3}(?:(?:response|answer|option) )?(?:A|B|tie|draw)[\"')\]]{0,3}\.?", re.IGNORECASE)


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What the judge said of two responses: with the first one as A (`straight`), and with it as B (`reverse`)."""

    straight: Said
    reverse: Said

    @property
    def points(self) -> float | None:
        """What the first one gets: 1 if it is better in both orders, 0 if worse in both, else 0.5.

        So a judge that only favours a place calls it a tie (Zheng et al., arXiv 2306.05685, section 3.4). None where
        a verdict can't be read.
        """
        verdicts = (read_preference(self.straight), read_preference(self.reverse))
        if None in verdicts:
            return None
        return 1.0 if verdicts == ("A", "B") else 0.0 if verdicts == ("B", "A") else 0.5


def comparison_prompt(question: str, first: str, second: str, *, rubric: str | None) -> list[Message]:
    """Return the conversation that asks which of two responses is better, A (`first`) or B."""
    exhibits = [("question", question), ("response_A", first), ("response_B", second)]
    text = (
        f"Compare two responses to a question.\n\n{fenced(exhibits)}\n\n{UNTRUSTED}\n\n"
        f"What counts: {rubric or RUBRIC} In which order the two are shown means nothing.\n\n"
        "First say in one or two sentences where they differ in quality. Then write your verdict alone on the last "
        "line: that A is better, that B is, or that neither is, as one of\n"
        "Verdict: A\nVerdict: B\nVerdict: tie"
    )
    return [{"role": "user", "content": text}]


def read_preference(said: Said) -> Preference | None:
    """Return which response the judge finds better at its end; None where that can't be read."""
    told = last_object(said).get(LABEL)
    for line in [f"{LABEL}: {told}"] if isinstance(told, str) else last_lines(said):
        labelled = LABELLED.fullmatch(line)
        if labelled or ALONE.fullmatch(line):
            return _preference(labelled[1] if labelled else line)
    return None


async def compare(
    question: str, first: str, second: str, *, rubric: str | None, ask: Callable[[list[Message]], Awaitable[Said]]
) -> Comparison:
    """Return how `first` compares with `second`, asking for both orders at the same time.

    Raises the `InquiryError` of an order that got no answer; the other one is called off then.
    """
    orders = ((first, second), (second, first))
    prompts = [comparison_prompt(question, one, other, rubric=rubric) for one, other in orders]
    straight, reverse = await side_by_side(partial(ask, prompt) for prompt in prompts)
    return Comparison(straight=straight, reverse=reverse)


def _preference(value: str) -> Preference | None:
    if TIED.fullmatch(value):
        return "tie"
    chosen = CHOSEN.fullmatch(value)
    return None if chosen is None else "A" if chosen[1].upper() == "A" else "B"
