"""Telling a model's thinking from its answer where the worker did not.

Thinking is what stands between a `<think>` that opens the text and the first `</think>` after it. Templates that open
it in the prompt leave out the `<think>`: there it ends with a `</think>` that has a line to itself. A tag that is
only mentioned is text. White space around the thinking is dropped; nothing else is, but the tags.
"""

from __future__ import annotations

import re
from enum import Enum

OPEN, CLOSE = "<think>", "</think>"

_LONE_CLOSE = re.compile(rf"^[ \t]*{CLOSE}[ \t\r]*$", re.MULTILINE)


def split_thinking(content: str) -> tuple[str, str]:
    """Return (thinking, text) of all that a model wrote.

    A text that opens its thinking and never closes it (cut off by the token limit) is all thinking.
    """
    start = content.lstrip()
    if start.startswith(OPEN):
        thinking, _, text = start.removeprefix(OPEN).partition(CLOSE)
        return thinking.strip(), text.lstrip()
    if CLOSE in content and (lone := _LONE_CLOSE.search(content)) and OPEN not in content[: lone.start()]:
        return content[: lone.start()].strip(), content[lone.end() :].lstrip()
    return "", content


class _State(Enum):
    """Where in a message a splitter is; after the thinking, it still has white space to drop."""

    UNDECIDED = "undecided"
    THINKING = "thinking"
    AFTER = "after"
    TEXT = "text"


class ThinkingSplitter:
    """Splits a message while it is being generated, as `split_thinking` splits it at its end.

    But for a thinking that was opened in the prompt: nobody can know of it before its `</think>` comes, when it has
    been handed on already. It stays text here, and so does the tag.
    """

    __slots__ = ("_begun", "_held", "_state")

    def __init__(self) -> None:
        self._state = _State.UNDECIDED
        self._begun = False  # whether any thinking has been told of
        self._held = ""  # what may turn out to be a tag, or white space in front of one

    @property
    def settled(self) -> bool:
        """Whether all that is still to come is text."""
        return self._state is _State.TEXT

    def feed(self, piece: str) -> tuple[str, str]:
        """Return the (thinking, text) that is certain with `piece`."""
        self._held += piece
        if self._state is _State.UNDECIDED:
            self._decide()
        thinking = self._think() if self._state is _State.THINKING else ""
        if self._state is _State.AFTER:
            self._held = self._held.lstrip()
            self._state = _State.TEXT if self._held else _State.AFTER
        return thinking, self._release() if self._state is _State.TEXT else ""

    def finish(self) -> tuple[str, str]:
        """Return the (thinking, text) that was held back; whatever is fed after this is text."""
        thinking = self._release().rstrip() if self._state is _State.THINKING else ""
        self._state = _State.TEXT
        return thinking, self._release()

    def _decide(self) -> None:
        """See whether the message opens with its thinking."""
        start = self._held.lstrip()
        if start.startswith(OPEN):
            self._held = start.removeprefix(OPEN)
            self._state = _State.THINKING
        elif not OPEN.startswith(start):
            self._state = _State.TEXT

    def _think(self) -> str:
        """Return the thinking up to its end, or up to where its end may have begun."""
        if not self._begun:
            self._held = self._held.lstrip()
        thinking, close, rest = self._held.partition(CLOSE)
        if close:
            self._held = rest
            self._state = _State.AFTER
            return thinking.rstrip()
        tag = self._held.rfind("<")
        maybe = tag if tag >= 0 and CLOSE.startswith(self._held[tag:]) else len(self._held)
        certain = self._held[:maybe].rstrip()
        self._held = self._held[len(certain) :]
        self._begun = self._begun or bool(certain)
        return certain

    def _release(self) -> str:
        held, self._held = self._held, ""
        return held
