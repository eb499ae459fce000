"""One response at a time: a judge gives it a score."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from app.judging.exhibits import UNTRUSTED, fenced
from app.judging.replies import LEAD_IN, last_lines, last_object, number_in

if TYPE_CHECKING:
    from app.candidates import Message
    from app.inquiry import Said

RUBRIC = (
    "Above all, whether what it says is correct and whether it answers what was asked, in the form that was asked "
    "for. Then whether it is complete and clear. Length is no merit."
)
LABEL = "score"

NUMBER = r"(?<![\d.])([+-]?\d{1,6}(?:\.\d{1,6})?)(?![\d%]|\.\d)"
OUT_OF = r"(?: ?(?:/|out of|of) ?(\d{1,6})(?!\d|\.\d))?"
VALUE = r"[\"'(\[]{0,3}" + NUMBER + OUT_OF + r"[\"')\]]{0,3}[.,;!]?"
LABELLED = re.compile(LEAD_IN + r"(?:score|rating|grade) ?(?:[:=]|is|of)? ?" + VALUE, re.IGNORECASE)
ALONE = re.compile(VALUE)


def score_prompt(
    question: str, response: str, *, scale: int, rubric: str | None, reference: str | None
) -> list[Message]:
    """Return the conversation that asks for a score of 0 to `scale`; `reference` is a good response to compare with."""
    exhibits = [("question", question), ("response", response)]
    if reference is not None:
        exhibits.insert(1, ("reference", reference))
    known = "The reference is known to be good; others may be as good. Don't tell what it says. " if reference else ""
    text = (
        f"Grade a response to a question.\n\n{fenced(exhibits)}\n\n{UNTRUSTED}\n\n"
        f"What counts: {rubric or RUBRIC}\n\n"
        f"{known}First say in one or two sentences what is right and what is wrong with the response. Then grade it "
        f"by a whole number from 0, of no use at all, to {scale}, as good as can be. Write it alone on the last line:\n"
        "Score: N"
    )
    return [{"role": "user", "content": text}]


def read_score(said: Said, scale: int) -> float | None:
    """Return the score that the judge gives at its end, in 0..`scale`; None where there is none, or none on the scale.

    Whole numbers are asked for; a judge that gives halves is taken at its word.
    """
    told = last_object(said).get(LABEL)
    if isinstance(told, int | float) and not isinstance(told, bool):
        return _on_scale(told, scale)
    lines = [f"{LABEL}: {told}"] if isinstance(told, str) else last_lines(said)
    match = number_in(lines, LABELLED, ALONE)
    if match is None or int(match[2] or scale) != scale:
        return None
    return _on_scale(float(match[1]), scale)


def _on_scale(score: float, scale: int) -> float | None:
    """Return the score as a float; None off the scale, where an integer may be too large for one."""
    return float(score) if 0 <= score <= scale else None
