"""Markdown's fenced blocks."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass

_DEEPER = 3
"""Columns by which a closing fence may stand deeper than its opening one (CommonMark, section 4.5)."""

_FENCE = re.compile(r"(?P<indent>[ \t>]*)(?P<fence>`{3,}|~{3,})[ \t]*(?P<info>[^\n`]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One fenced block; `language` is the first word after the fence, in lower case, or empty."""

    language: str
    code: str


def lines_of(text: str) -> list[str]:
    """Return the lines as Python's parser counts them: unlike `splitlines`, by line feeds and returns only."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def fenced_blocks(text: str) -> list[Block]:
    """Return the fenced blocks of a text in their order; one that is never closed reaches to the end."""
    if "```" not in text and "~~~" not in text:
        return []
    blocks: list[Block] = []
    fence, indent, language, lines = "", 0, "", list[str]()
    for line in lines_of(text):
        mark = _FENCE.match(line)
        if mark and not fence:
            fence, indent, language, lines = mark["fence"], _indent(mark), _language(mark["info"]), []
        elif mark and _closes(mark, fence, indent):
            blocks.append(_block(language, lines))
            fence = ""
        elif fence:
            lines.append(line)
    if fence:
        blocks.append(_block(language, lines))
    return blocks


def _closes(mark: re.Match[str], fence: str, indent: int) -> bool:
    """Whether a line closes the block that `fence` opened at `indent`; one in a docstring in it doesn't."""
    return mark["fence"].startswith(fence) and not mark["info"].strip() and _indent(mark) <= indent + _DEEPER


def _indent(mark: re.Match[str]) -> int:
    return len(mark["indent"].expandtabs(4))


def _language(info: str) -> str:
    words = info.split(maxsplit=1)
    return words[0].lower() if words else ""


def _block(language: str, lines: list[str]) -> Block:
    return Block(language=language, code=textwrap.dedent("\n".join(lines)).strip("\n"))
