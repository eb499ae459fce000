"""JSON: found in prose, and written in one way."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Literal, NoReturn, TypeAlias, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH = 64
"""How deep arrays and objects may nest."""

MAX_DIGITS = 400
"""Characters that a number may have, and the size of its exponent."""

_TOKEN = re.compile(
    r"""
    (?P<open>[\[{])|(?P<close>[\]}])|(?P<comma>,)|(?P<colon>:)
    |(?P<string>"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+")
    |(?P<scalar>-?(?:0|[1-9]\d*+)(?:\.\d++)?(?:[eE][-+]?\d++)?(?![\w.])|(?:true|false|null)\b)
    |(?P<other>.)
    """,
    re.VERBOSE | re.ASCII | re.DOTALL,
)
_EXACT = Context(prec=2 * MAX_DIGITS)
_SPACE = re.compile(r"[ \t\n\r]*+")
_OPENER = re.compile(r"[\[{]")

_Expected: TypeAlias = Literal["value", "value or close", "key", "key or close", "colon", "comma or close"]
_LEGAL: dict[_Expected, frozenset[str]] = {
    "value": frozenset({"open", "string", "scalar"}),
    "value or close": frozenset({"open", "string", "scalar", "close"}),
    "key": frozenset({"string"}),
    "key or close": frozenset({"string", "close"}),
    "colon": frozenset({"colon"}),
    "comma or close": frozenset({"comma", "close"}),
}


class NotJsonError(ValueError):
    """The text is not a JSON document, or nests too deep, or holds a number that is too long."""


def canonical(text: str) -> str:
    """Return the document written in one way: keys sorted, no spaces, ASCII, 1.0 as 1; raises `NotJsonError`."""
    try:
        value: object = json.loads(text, parse_float=_number, parse_int=_number, parse_constant=_refuse)
        pieces: list[str] = []
        _write(value, pieces, depth=0)
    except (ValueError, RecursionError) as error:
        raise NotJsonError(str(error)) from error
    return "".join(pieces)


def last_document(text: str) -> str | None:
    """Return the last JSON object or array that stands in the text, and in no other; None if there is none.

    One pass: a document that turns out not to be one is taken up again where it went wrong, not where it began. What
    opened before that point and is still open would go wrong there too; only the string before it may have been none,
    in prose with a stray quotation mark, so that is read again.
    """
    found: tuple[int, int] | None = None
    position = 0
    while opener := _OPENER.search(text, position):
        scan = _Scan(text=text, position=opener.start())
        while scan.step():
            pass
        found = scan.found or found
        position = scan.resume
    return None if found is None else text[slice(*found)]


@dataclass(slots=True, kw_only=True)
class _Scan:
    """The reading of one document, from its opening bracket to its end or to the first error in it."""

    text: str
    position: int
    found: tuple[int, int] | None = None
    resume: int = 0
    expected: _Expected = "value"
    opened: list[int] = field(default_factory=list[int])
    after_string: int | None = None

    def step(self) -> bool:
        """Read one token; return whether the document goes on."""
        space = _SPACE.match(self.text, self.position)
        token = _TOKEN.match(self.text, space.end() if space else self.position)
        if token is None or not self._legal(token):
            self.resume = self.position if self.after_string is None else self.after_string
            return False
        self.position = self.resume = token.end()
        self.after_string = token.start() + 1 if token.lastgroup == "string" else None
        self._take(token)
        return bool(self.opened)

    def _legal(self, token: re.Match[str]) -> bool:
        if token.lastgroup not in _LEGAL[self.expected]:
            return False
        if token.lastgroup == "close":
            return self.text[self.opened[-1]] + token.group() in {"{}", "[]"}
        return token.lastgroup != "open" or len(self.opened) < MAX_DEPTH

    def _take(self, token: re.Match[str]) -> None:
        if token.lastgroup == "open":
            self.opened.append(token.start())
            self.expected = "key or close" if token.group() == "{" else "value or close"
        elif token.lastgroup == "close":
            self.found = self.opened.pop(), token.end()
            self.expected = "comma or close"
        elif token.lastgroup == "comma":
            self.expected = "key" if self.text[self.opened[-1]] == "{" else "value"
        elif token.lastgroup == "colon":
            self.expected = "value"
        else:
            self.expected = "colon" if self.expected.startswith("key") else "comma or close"


def _number(text: str) -> Decimal:
    """Return a number exactly; raises ValueError for one that would be long to write out."""
    number = Decimal(text) if len(text) <= MAX_DIGITS else None
    if number is None or (number and not -MAX_DIGITS < number.adjusted() < MAX_DIGITS):
        raise ValueError("a number is too long")
    return number


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _write(value: object, pieces: list[str], *, depth: int) -> None:
    """Append the canonical form of `value` to `pieces`."""
    if depth > MAX_DEPTH:
        raise ValueError("nested too deep")
    if isinstance(value, dict):
        items = sorted(cast("dict[str, object]", value).items())
        _write_all("{", ((f"{json.dumps(key)}:", item) for key, item in items), "}", pieces, depth)
    elif isinstance(value, list):
        _write_all("[", (("", item) for item in cast("list[object]", value)), "]", pieces, depth)
    elif isinstance(value, Decimal):
        digits = format(value.normalize(_EXACT), "f")
        pieces.append("0" if digits == "-0" else digits)
    else:
        pieces.append(json.dumps(value))


def _write_all(opening: str, items: Iterator[tuple[str, object]], closing: str, pieces: list[str], depth: int) -> None:
    pieces.append(opening)
    for place, (label, item) in enumerate(items):
        pieces.append(f",{label}" if place else label)
        _write(item, pieces, depth=depth + 1)
    pieces.append(closing)
