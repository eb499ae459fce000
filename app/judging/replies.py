"""What a judge has said, as far as it counts: its own last lines, or the JSON object that it ends in.

Whatever stands further up may be a quotation of a candidate. All of this looks at a tail of bounded length.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from app.inquiry import Said

LAST_LINES = 3
TAIL_CHARACTERS = 2_000
MAX_REASON_CHARACTERS = 2_000
OBJECT_STARTS = 4
"""How many opening braces before the last closing one are tried as the beginning of an object."""

LENGTH = "length"
"""The `finish_reason` of an answer that was cut off by its limit."""

MARKUP = str.maketrans("", "", "*_`#$")
LEAD_IN = r"(?:[-\u2022] ?)?(?:(?:so|thus|therefore|my|the|final|overall|total),? ){0,4}"
"""What may stand before the label of a line that gives a verdict; whatever else does may quote it, or deny it."""

LABEL_START = re.compile(r"[a-z ]{0,40}[:=]")


def last_lines(said: Said) -> list[str]:
    """Return the judge's last lines that say anything, the very last first, without markup; quoted ones are left out.

    The last line of an answer that was cut off may have lost its end (`1` of `10`), and doesn't count.
    """
    lines = said.reply.text[-TAIL_CHARACTERS:].splitlines()
    if said.finish_reason == LENGTH:
        lines = lines[:-1]
    own = (line for line in reversed(lines) if not line.lstrip().startswith(">"))
    clean = (" ".join(line.translate(MARKUP).split()) for line in own)
    telling = (line for line in clean if any(map(str.isalnum, line)))
    return [line for line, _ in zip(telling, range(LAST_LINES), strict=False)]


def last_object(said: Said) -> dict[str, object]:
    """Return the JSON object that the judge's answer ends in; empty where it ends in none."""
    tail = said.reply.text[-TAIL_CHARACTERS:]
    end = tail.rfind("}") + 1
    if not end or any(map(str.isalnum, tail[end:])):
        return {}
    found = next(_objects(tail, end), None)
    return found or {}


def number_in(lines: Sequence[str], labelled: re.Pattern[str], alone: re.Pattern[str]) -> re.Match[str] | None:
    """Return what the first line says that is `labelled`, the whole of it; where none is, the first that is `alone`."""
    found = (pattern.fullmatch(line) for pattern in (labelled, alone) for line in lines)
    return next(filter(None, found), None)


def reason_of(said: Said, label: str) -> str | None:
    """Return why the judge judges so: what it says before the line that begins with `label`, or JSON's `reason`."""
    told = last_object(said).get("reason")
    text = told if isinstance(told, str) else "\n".join(_without(said.reply.text.splitlines(), label))
    return text.strip()[:MAX_REASON_CHARACTERS].strip() or None


def _objects(tail: str, end: int) -> Iterator[dict[str, object]]:
    start = end
    for _ in range(OBJECT_STARTS):
        start = tail.rfind("{", 0, start)
        if start < 0:
            return
        try:
            found: object = msgspec.json.decode(tail[start:end])
        except (msgspec.DecodeError, ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            yield cast("dict[str, object]", found)


def _without(lines: Sequence[str], label: str) -> Iterator[str]:
    """Yield the lines up to the last one that begins with the label and a colon; all where there is none."""
    places = [place for place, line in enumerate(lines) if _begins(line, label)]
    yield from lines[: places[-1]] if places else lines


def _begins(line: str, label: str) -> bool:
    start = LABEL_START.match(line[:200].translate(MARKUP).strip().lower())
    return start is not None and label in start[0]
