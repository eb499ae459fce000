"""Telling a model's thinking from its answer where the worker did not."""

from __future__ import annotations

OPEN, CLOSE = "<think>", "</think>"


def split_thinking(content: str) -> tuple[str, str]:
    """Return (thinking, answer) of a message's text.

    Thinking stands before the last `</think>`; templates that open it in the prompt leave out the `<think>`. A text
    that opens it and never closes it (cut off by the token limit) is all thinking.
    """
    opened = content.lstrip().startswith(OPEN)
    head, close, tail = content.rpartition(CLOSE)
    if close and (opened or OPEN not in head):
        return head.strip().removeprefix(OPEN).strip(), tail.strip()
    if opened and not close:
        return content.lstrip().removeprefix(OPEN).strip(), ""
    return "", content
