"""Markdown's fenced blocks."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass

_FENCE = re.compile(r"[ \t>]*(?P<fence>`{3,}|~{3,})[ \t]*(?P<info>[^\n`]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One fenced block; `language` is the first word after the fence, in lower case, or empty."""

    language: str
    code: str


def fenced_blocks(text: str) -> list[Block]:
    """Return the fenced blocks of a text in their order; one that is never closed reaches to the end."""
    if "```" not in text and "~~~" not in text:
        return []
    blocks: list[Block] = []
    fence, language, lines = "", "", list[str]()
    for line in text.splitlines():
        mark = _FENCE.match(line)
        if mark and not fence:
            fence, language, lines = mark["fence"], _language(mark["info"]), []
        elif mark and mark["fence"].startswith(fence) and not mark["info"].strip():
            blocks.append(_block(language, lines))
            fence = ""
        elif fence:
            lines.append(line)
    if fence:
        blocks.append(_block(language, lines))
    return blocks


def _language(info: str) -> str:
    words = info.split(maxsplit=1)
    return words[0].lower() if words else ""


def _block(language: str, lines: list[str]) -> Block:
    return Block(language=language, code=textwrap.dedent("\n".join(lines)).strip("\n"))
