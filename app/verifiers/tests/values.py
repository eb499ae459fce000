"""Values that a candidate's function returned, outside the sandbox: read from plain data, compared, and shown.

`harness.py` says how they are written. Nothing of the candidate's runs here, so that no `__eq__` or `__repr__` of its
own has a say.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, TypeAlias, cast

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

RELATIVE_TOLERANCE = 1e-9
ABSOLUTE_TOLERANCE = 1e-12
"""Floats are equal within these: what the order of a sum makes of the last digits is no mistake."""

MAX_DEPTH = 100
MAX_SET_DEPTH = 8
"""Sets in sets deeper than this are no plain data: each level is put in order by the text of all that it holds."""

MAX_SHOWN = 300
MAX_OUTPUT = 1_000
_EXACT = 2**53
_BIG = 10**300


class Bag(msgspec.Struct, frozen=True):
    """The items of a set, in an order that depends on nothing but them."""

    items: tuple[Value, ...]


class Opaque(msgspec.Struct, frozen=True):
    """A value that is no plain data, such as a generator or an object; `kind` says of which type."""

    kind: str


Value: TypeAlias = "bool | int | float | str | bytes | list[Value] | dict[str, Value] | Bag | Opaque | None"


def read_value(data: object, depth: int = 0, sets: int = 0) -> Value:
    """Return the value that the harness wrote as `data`. Raises ValueError where it never writes such data.

    `depth` is how deep it stands in others, and `sets` how many of them are sets.
    """
    if depth > MAX_DEPTH:
        raise ValueError("nested too deeply")
    if data is None or isinstance(data, bool | int | float | str):
        return data
    if isinstance(data, list):
        return [read_value(item, depth + 1, sets) for item in cast("list[object]", data)]
    if isinstance(data, dict) and len(cast("dict[str, object]", data)) == 1:
        ((kind, content),) = cast("dict[str, object]", data).items()
        return _tagged(kind, content, depth + 1, sets)
    raise ValueError("an object without a kind")


def _tagged(kind: str, content: object, depth: int, sets: int) -> Value:
    match kind, content:
        case "dict", dict():
            items = cast("dict[str, object]", content).items()
            return {key: read_value(item, depth, sets) for key, item in items}
        case "set", list():
            return _set(cast("list[object]", content), depth, sets)
        case "bytes", str():
            return bytes.fromhex(content)
        case "int", str():
            return int(content, 16)
        case "float", "inf" | "-inf" | "nan":
            return float(cast("str", content))
        case "not_data", str():
            return Opaque(printable(content))
        case _:
            raise ValueError(f"no value of kind {kind[:20]!r}")


def _set(content: list[object], depth: int, sets: int) -> Value:
    if sets >= MAX_SET_DEPTH:
        return Opaque("set nested too deeply")
    return bag([read_value(item, depth, sets + 1) for item in content])


def bag(items: Sequence[Value]) -> Bag:
    """Return the set of these items: numbers by size, then all else by its text."""
    return Bag(tuple(sorted(items, key=_rank)))


def same(value: Value, expected: object) -> bool:
    """Whether `value` is what `expected`, a JSON value, says, as Python's `==` has it.

    Where JSON has fewer types than Python it stands for several: a list for a list, a tuple, and for a set in any
    order, sets in sets included. Where a float is expected, there is a small tolerance. What is no plain data equals
    nothing.
    """
    match value:
        case bool() | int() | float():
            return isinstance(expected, int | float) and _same_number(value, expected)
        case list():
            return isinstance(expected, list) and _same_items(value, cast("list[object]", expected))
        case Bag():
            return isinstance(expected, list) and _same_items(
                sorted(value.items, key=_loose_rank), sorted(cast("list[Value]", expected), key=_loose_rank)
            )
        case dict():
            return isinstance(expected, dict) and _same_members(value, cast("dict[str, object]", expected))
        case str() | None:
            return value == expected
        case bytes() | Opaque():
            return False


def _same_number(value: float, expected: float) -> bool:
    if value == expected or not isinstance(expected, float):
        return value == expected
    try:
        both_nan = math.isnan(value) and math.isnan(expected)
        return both_nan or math.isclose(value, expected, rel_tol=RELATIVE_TOLERANCE, abs_tol=ABSOLUTE_TOLERANCE)
    except OverflowError:  # an integer beyond all floats
        return False


def _same_members(values: dict[str, Value], expected: dict[str, object]) -> bool:
    return values.keys() == expected.keys() and all(same(value, expected[key]) for key, value in values.items())


def _same_items(values: Sequence[Value], expected: Sequence[object]) -> bool:
    return len(values) == len(expected) and all(map(same, values, expected))


def _rank(item: Value) -> tuple[bool, float, str]:
    """Return what puts items in order: numbers by size, then all else by its text."""
    number = isinstance(item, int | float)
    return not number, item if isinstance(item, int | float) else 0, "" if number else json.dumps(_plain(item))


def _loose_rank(item: Value) -> tuple[bool, float, str, str]:
    """Return the same, but alike for a list and the set that it stands for; where both fit, their texts decide."""
    number, size, text = _rank(item)
    return number, size, _unordered(item) if text else "", text


def _unordered(value: Value) -> str:
    """Return one text for all lists and sets of the same items."""
    match value:
        case list() | Bag():
            items = value if isinstance(value, list) else value.items
            return f"[{','.join(sorted(map(_unordered, items)))}]"
        case dict():
            return f"{{{','.join(f'{json.dumps(key)}:{_unordered(value[key])}' for key in sorted(value))}}}"
        case _:
            return json.dumps(_plain(value))


def canonical(value: Value) -> str:
    """Return one text for all values that are alike: floats count to 12 digits, and sets have no order.

    A long text is cut and ends in a digest of all of it. Values that are no plain data are alike if their types are.
    """
    return bounded(json.dumps(_plain(value), separators=(",", ":"), sort_keys=True))


def bounded(text: str) -> str:
    """Return the text, or where it is long its beginning and a digest, so that different texts stay different."""
    if len(text) <= MAX_OUTPUT:
        return text
    digest = hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()
    return f"{text[: MAX_OUTPUT // 2]}... ({len(text)} characters, sha256 {digest})"


def _plain(value: Value) -> object:
    """Return the value as JSON, in one way for all that are alike."""
    match value:
        case bool() | None | str():
            return value
        case int() | float():
            return _plain_number(value)
        case list():
            return [_plain(item) for item in value]
        case dict():
            return {"dict": {key: _plain(item) for key, item in value.items()}}
        case Bag():
            return {"set": [_plain(item) for item in value.items]}
        case bytes() | Opaque():
            return {"not_data": value.kind} if isinstance(value, Opaque) else {"bytes": value.hex()}


def _plain_number(value: float) -> object:
    if isinstance(value, int):
        return value if abs(value) < _BIG else {"int": hex(value)}
    if not math.isfinite(value):
        return {"float": str(value)}
    return int(value) if value.is_integer() and abs(value) < _EXACT else float(f"{value:.12g}")


def shown(value: Value) -> str:
    """Return the value as Python would write it, cut where that is long."""
    return shortened(_literal(value))


def _literal(value: Value) -> str:
    match value:
        case list():
            return f"[{', '.join(map(_literal, value))}]"
        case dict():
            return f"{{{', '.join(f'{key!r}: {_literal(item)}' for key, item in value.items())}}}"
        case Bag():
            return f"{{{', '.join(map(_literal, value.items))}}}" if value.items else "set()"
        case Opaque():
            return f"<{value.kind}>"
        case int() if abs(value) >= _BIG and not isinstance(value, float):
            return hex(value)
        case _:
            return repr(value)


def shortened(text: str, most: int = MAX_SHOWN) -> str:
    """Return the text, or both its ends where it is longer than `most` characters."""
    return text if len(text) <= most else f"{text[: most // 2]} ... {text[-(most // 2) :]}"


def printable(text: str) -> str:
    """Return what a program said of itself, cut to a sentence's length, on one line and in characters that print."""
    encodable = shortened(text).encode(errors="backslashreplace").decode()
    return " ".join("".join(letter if letter.isprintable() else " " for letter in encodable).split())
