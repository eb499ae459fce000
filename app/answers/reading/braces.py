"""LaTeX boxes and braces."""

from __future__ import annotations

import re

from app.answers.reading import TAIL

_TOKEN = re.compile(r"(?P<box>\\(?:boxed|fbox)\s*\{)|(?P<open>\{)|(?P<close>\})|\\.", re.DOTALL)


def last_box(text: str) -> str | None:
    r"""Return the content of the last `\boxed{...}` or `\fbox{...}` that is closed and not blank; None if none is.

    Of boxes within boxes the outermost counts. One pass, whatever the braces do, over the last `TAIL` characters.
    """
    text = text[-TAIL:]
    if "boxed" not in text and "fbox" not in text:
        return None
    found: str | None = None
    opened: list[int | None] = []  # where the content of each open brace begins; None for those that are no box
    for token in _TOKEN.finditer(text):
        if token["box"]:
            opened.append(token.end())
        elif token["open"]:
            opened.append(None)
        elif token["close"] and opened:
            start = opened.pop()
            if start is not None and (content := text[start : token.start()].strip()):
                found = content
    return found


def unwrap(text: str, opening: str, closing: str = "}") -> str | None:
    """Return what stands between `opening` and `closing` if together they enclose all of `text`; None otherwise."""
    if not (text.startswith(opening) and text.endswith(closing) and len(text) >= len(opening) + len(closing)):
        return None
    inner = text[len(opening) : len(text) - len(closing)]
    return inner if closing != "}" or _balanced(inner) else None


def _balanced(text: str) -> bool:
    """Whether every brace that opens in `text` closes in it, and the other way round."""
    depth = 0
    for token in _TOKEN.finditer(text):
        if token["box"] or token["open"]:
            depth += 1
        elif token["close"]:
            depth -= 1
            if depth < 0:
                return False
    return depth == 0
