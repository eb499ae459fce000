"""Prose, compared without its looks."""

from __future__ import annotations

from app.candidates import Answer

_OPENING = " *_`\"'\u201c\u2018("
_CLOSING = " .,;:!?*_`\"'\u2026\u201d\u2019)"


def text_answer(text: str) -> Answer | None:
    """Return the answer that is this text; None where it is blank."""
    shown = text.strip()
    return Answer(kind="text", text=shown, key=text_key(shown)) if shown else None


def text_key(text: str) -> str:
    """Return the text casefolded, with single spaces, and without the marks around it unless it is made of them."""
    collapsed = " ".join(text.casefold().split())
    return collapsed.lstrip(_OPENING).rstrip(_CLOSING) or collapsed
