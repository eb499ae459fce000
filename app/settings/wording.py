"""What is wrong with a setting, in plain words: its key, what it must be, and where it was set."""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from pydantic import BaseModel

from app.settings.origin import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails
    from pydantic_settings import SettingsError

    from app.settings.origin import Origin

MAX_PROBLEMS = 5
MAX_VALUE_CHARS = 60
WHOLE, NUMBER, TRUTH = "must be a whole number", "must be a number", "must be true or false"
LIST, TABLE, TEXT = "must be a list", "must be a table", "must be a text"
CHARACTERS = "must have at least {min_length} characters"
ADDRESS = "must be an address such as http://HOST:PORT"
WORDS = {
    "bool_parsing": TRUTH,
    "bool_type": TRUTH,
    "dict_type": TABLE,
    "extra_forbidden": "there is no such key",
    "finite_number": "must be a finite number",
    "float_parsing": NUMBER,
    "float_type": NUMBER,
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "int_from_float": WHOLE,
    "int_parsing": WHOLE,
    "int_parsing_size": "must be a whole number of fewer digits",
    "int_type": WHOLE,
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "list_type": LIST,
    "literal_error": "must be {expected}",
    "missing": "must be given",
    "model_attributes_type": TABLE,
    "model_type": TABLE,
    "path_type": "must be a path",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": CHARACTERS,
    "string_type": TEXT,
    "string_unicode": "must be a text in UTF-8",
    "too_long": "must have at most {max_length} entries",
    "too_short": CHARACTERS,
    "tuple_type": LIST,
    "url_parsing": ADDRESS,
    "url_scheme": ADDRESS,
    "url_too_long": "must be an address of at most {max_length} characters",
    "url_type": ADDRESS,
}
"""What is said of pydantic's kinds of errors. Our own validators, which are of none of these, say all themselves."""

QUOTED = re.compile("^(bool|float|greater|int|less|literal|finite)")
"""Kinds of errors whose value is repeated: numbers and choices, which hold no secret."""

SECRET = re.compile("key|secret|url|password")
"""Keys of whatever holds one, or may: their values are never repeated."""

SERVICE = re.compile(rf"{PREFIX}(SERVICE_HOST|SERVICE_PORT.*|PORT_[0-9]+_.*)")
"""Variables that Kubernetes gives containers beside a Service of our name."""

FIELD = re.compile(r'field "(\w+)"')
"""The setting that pydantic-settings speaks of."""

LINKS = "where Kubernetes sets it, as a Service is called quorum, give the pod enableServiceLinks: false"
LISTED = "docs/configuration.md lists them all"
PLAIN = re.compile(r"[A-Za-z0-9_-]+")


def complaint(error: ValidationError, model: type[BaseModel], origin: Origin) -> str:
    """Return in one line what is wrong with the settings of `model`, the first few problems."""
    problems = error.errors(include_url=False)
    told = [_told(one, model, origin) for one in problems[:MAX_PROBLEMS]]
    more = len(problems) - len(told)
    return "; ".join([*told, f"and {more} more"] if more else told)


def dotted(path: Sequence[str]) -> str:
    """Return a key as TOML writes it."""
    return ".".join(step if PLAIN.fullmatch(step) else json.dumps(step) for step in path)


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield the keys of `model`, those of its tables with a dot."""
    for name, field in model.model_fields.items():
        yield prefix + name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys(field.annotation, f"{prefix}{name}.")


def meant(key: str, known: Sequence[str]) -> str:
    """Return a hint at the known key that `key` may be a slip for, or that may be in the wrong table."""
    table, _, name = key.rpartition(".")
    beside = [one.rpartition(".")[2] for one in known if one.rpartition(".")[0] == table]
    if close := get_close_matches(name, beside, n=1):
        return f"did you mean {close[0]}?"
    if elsewhere := [one for one in known if one.rpartition(".")[2] == name]:
        right = elsewhere[0].rpartition(".")[0]
        return f"did you mean {elsewhere[0]}, " + (f"in the table [{right}]?" if right else "above all tables?")
    return LISTED


def no_variables(names: Sequence[str], model: type[BaseModel]) -> str:
    """Return what to say of variables that look like settings of `model` and are none."""
    services = [name for name in names if SERVICE.fullmatch(name.upper())]
    told = [_no_variable(name, model) for name in names if name not in services]
    if services:
        told.append(f"{', '.join(services)}: no such setting; {LINKS}")
    return "; ".join(told)


def _no_variable(name: str, model: type[BaseModel]) -> str:
    known = {key.upper().replace(".", "__"): key for key in keys(model)}
    close = get_close_matches(name.upper().removeprefix(PREFIX), known, n=1)
    return f"{name}: no such setting; " + (f"did you mean {PREFIX}{close[0]}?" if close else LISTED)


def unreadable(error: SettingsError) -> str:
    """Return what to say of a variable that can't be read."""
    field = FIELD.search(str(error))
    name = field[1] if field else "environment"
    return f"{name}: {TABLE}, written in JSON ({PREFIX}{name.upper()})"


def _told(problem: ErrorDetails, model: type[BaseModel], origin: Origin) -> str:
    path = [str(step) for step in problem["loc"] if step != "[key]"]
    source = origin.of(path)
    where = f" ({source})" if source else ""
    key = f"{dotted(path)}: " if path else ""
    return f"{key}{_words(problem, path, model)}{where}"


def _words(problem: ErrorDetails, path: Sequence[str], model: type[BaseModel]) -> str:
    kind = problem["type"]
    context = {name: _number(value) for name, value in problem.get("ctx", {}).items()}
    words = WORDS[kind].format(**context) if kind in WORDS else problem["msg"].removeprefix("Value error, ")
    if context.get("min_length") == 1:
        return "must not be empty"
    if kind == "extra_forbidden":
        return f"{words}; {meant('.'.join(path), list(keys(model)))}"
    if QUOTED.match(kind) and not any(map(SECRET.search, path)):
        return f"{words}, not {_shown(problem['input'])}"
    return words


def _number(value: object) -> object:
    """Return a bound as people write it."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=lambda _: "something else")
    return text if len(text) <= MAX_VALUE_CHARS else f"{text[:MAX_VALUE_CHARS]}..."
