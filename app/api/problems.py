"""Validation errors as people can use them: the path of the bad field, and what would be right."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias, cast

from app.errors import InvalidRequestError, InvalidStrategyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

Path: TypeAlias = list[str]

MAX_PROBLEMS = 5
MAX_READ = 50
"""How many of a value's problems are read, to tell of `MAX_PROBLEMS`."""

MAX_MESSAGE = 2_000
MAX_SHORT_FORM = 200
WORDING = {
    "union_tag_not_found": "an object needs a 'type', the name of what it is",
    "union_tag_invalid": "there is no type '{tag:.100}'; valid are {expected_tags}",
    "model_attributes_type": "this must be an object with a 'type', or the name of one",
    "model_type": "this must be an object",
    "dict_type": "this must be an object",
    "tuple_type": "this must be a list",
    "list_type": "this must be a list",
    "too_long": "this takes at most {max_length}; {actual_length} given",
    "too_short": "this needs at least {min_length}; {actual_length} given",
    "extra_forbidden": "there is no such field here",
    "missing": "this field is required",
    "recursion_depth_exceeded": "this is nested too deep",
}
"""What is said of pydantic's kinds of errors whose own words speak of tags, tuples and dictionaries."""

_PLACE = re.compile(r"\(byte (\d+)\)")
_NO_NUMBER = re.compile(rb"NaN|Infinity")
_FIELD = re.compile(rb'"([^"\\]{1,100})"\s*:[-\s\[]*\Z')
_FIELD_REACH = 200
"""Bytes before a value in which its field is looked for."""


def unreadable(text: bytes, error: Exception) -> str:
    """Return why `text` is not valid JSON. Of NaN and Infinity, which Python writes, it tells the field, too."""
    place = _PLACE.search(str(error))
    at = int(place[1]) if place else len(text)
    number = _NO_NUMBER.match(text, at)
    if number is None:
        return f"not valid JSON: {error}"
    field = _FIELD.search(text[max(0, at - _FIELD_REACH) : at])
    where = f"`{field[1].decode(errors='replace')}` is" if field else f"at byte {at} stands"
    return f"not valid JSON: {where} {number[0].decode()}; NaN and Infinity are no JSON: send a number, or leave it out"


def invalid(error: ValidationError, value: object) -> InvalidRequestError:
    """Return the error for a request `value` that doesn't fit."""
    param, message = describe(error, value)
    return InvalidRequestError(message, param=param or None)


def invalid_strategy(error: ValidationError, value: object) -> InvalidStrategyError:
    """Return the error for a strategy `value` that doesn't fit; paths begin with `strategy`."""
    param, message = describe(error, value)
    if isinstance(value, str):
        message = f"{value[:MAX_SHORT_FORM]!r}: {message}"
    return InvalidStrategyError(message, param=f"strategy.{param}" if param else "strategy")


def describe(error: ValidationError, value: object) -> tuple[str, str]:
    """Return the bad field's path in `value`, and a message that tells of the first few problems.

    Where one value could have been of several kinds pydantic has a problem a kind: told are those of the kind that the
    value is of.
    """
    found = [
        (path_in(value, one["loc"], missing=one["type"] == "missing"), one)
        for one in islice(error.errors(include_url=False, include_input=False), MAX_READ)
    ]
    problems = [(path, one) for path, one in found if not _is_of_another_kind(path, one, found)][:MAX_PROBLEMS]
    texts = ((".".join(path), _wording(one)) for path, one in problems)
    told = dict.fromkeys(f"{path}: {text}" if path else text for path, text in texts)
    return ".".join(problems[0][0]), "; ".join(told)[:MAX_MESSAGE]


def _is_of_another_kind(path: Path, problem: ErrorDetails, found: Sequence[tuple[Path, ErrorDetails]]) -> bool:
    """Whether the problem is that of a kind which the value isn't of: others are deeper, or not about its kind.

    A list that holds something wrong is also called too short for it.
    """
    deeper = any(other[: len(path)] == path and len(other) > len(path) for other, _ in found)
    told = any(other == path and not _is_mismatch(one) for other, one in found)
    return deeper or (told and _is_mismatch(problem))


def _is_mismatch(problem: ErrorDetails) -> bool:
    return problem["type"].endswith("_type")


def _wording(problem: ErrorDetails) -> str:
    """Return what is wrong in our words, where pydantic's are those of Python."""
    ours = WORDING.get(problem["type"])
    return ours.format(**problem.get("ctx", {})) if ours else problem["msg"].removeprefix("Value error, ")


def path_in(value: object, loc: tuple[int | str, ...], *, missing: bool) -> Path:
    """Return `loc` as names and numbers of fields in `value`, without the names of kinds that pydantic puts between.

    `missing` says that the last step names a field that isn't there. A `value` that is no container (a short form)
    has no kinds in its paths.
    """
    if not isinstance(value, (dict, list)):
        return [str(step) for step in loc]
    path: Path = []
    here: object = cast("object", value)
    for depth, step in enumerate(loc):
        if _stands_in(here, step):
            here = cast("dict[object, object]", here)[step]
        elif not (missing and depth == len(loc) - 1):
            continue
        path.append(str(step))
    return path


def _stands_in(here: object, step: int | str) -> bool:
    """Whether a JSON value has something directly inside under this name or number."""
    if isinstance(here, dict):
        return step in here
    return isinstance(here, list) and isinstance(step, int) and step < len(cast("list[object]", here))
