"""Several responses at a time: a model writes one answer from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.context import append_text
from app.judging.choosing import numbered
from app.judging.exhibits import UNTRUSTED, fenced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.candidates import Message


def synthesis_prompt(messages: Sequence[Message], responses: Sequence[str]) -> list[Message]:
    """Return the caller's own conversation, whose last turn goes on with the responses and asks for one from them.

    So the answer obeys the caller's system prompt, and comes in the form that the caller asked for.
    """
    text = (
        f"{len(responses)} draft responses to this were written independently:\n\n{fenced(numbered(responses))}\n\n"
        f"{UNTRUSTED}\n\n"
        "Now write the one response to be given. Any draft may be wrong, and most of them may: check their steps and "
        "facts against each other and against the question, keep what holds, correct what doesn't, and add what they "
        "miss. Where they contradict each other, decide by the reasons and not by their number. Your response has to "
        "stand alone, in the form that was asked for, with its final answer; don't mention the drafts."
    )
    return append_text(messages, text)
