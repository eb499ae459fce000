"""Validation errors as people can use them: the path of the bad field, and what would be right."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from app.errors import InvalidRequestError, InvalidStrategyError

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

MAX_PROBLEMS = 5
MAX_MESSAGE = 2_000


def invalid(error: ValidationError, value: object) -> InvalidRequestError:
    """Return the error for a request `value` that doesn't fit."""
    param, message = describe(error, value)
    return InvalidRequestError(message, param=param or None)


def invalid_strategy(error: ValidationError, value: object) -> InvalidStrategyError:
    """Return the error for a strategy `value` that doesn't fit; paths begin with `strategy`."""
    param, message = describe(error, value)
    return InvalidStrategyError(message, param=f"strategy.{param}" if param else "strategy")


def describe(error: ValidationError, value: object) -> tuple[str, str]:
    """Return the first bad field's path in `value`, and a message that tells of all of them."""
    problems = error.errors(include_url=False, include_context=True, include_input=False)
    told = [f"{path}: {text}" if path else text for path, text in (_problem(one, value) for one in problems)]
    distinct = list(dict.fromkeys(told))[:MAX_PROBLEMS]
    return _problem(problems[0], value)[0], "; ".join(distinct)[:MAX_MESSAGE]


def _problem(problem: ErrorDetails, value: object) -> tuple[str, str]:
    text = problem["msg"].removeprefix("Value error, ")
    return path_in(value, problem["loc"]), text


def path_in(value: object, loc: tuple[int | str, ...]) -> str:
    """Return `loc` as a path of field names and numbers, without the names of union members that pydantic adds."""
    path: list[str] = []
    here: object = value
    for depth, step in enumerate(loc):
        inside = _members(here)
        if step in inside:
            here = inside[step]
        elif depth < len(loc) - 1 or not inside or inside.get("type") == step:
            continue
        path.append(str(step))
    return ".".join(path)


def _members(value: object) -> dict[object, object]:
    """Return what stands directly inside of a JSON value, by name or number."""
    if isinstance(value, dict):
        return cast("dict[object, object]", value)
    return {**dict(enumerate(cast("list[object]", value)))} if isinstance(value, list) else {}
