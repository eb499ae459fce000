"""JSON Schema, draft 2020-12, for schemas and documents that nobody vouches for.

A schema is checked where a request is read, so that takes little time: its size is bounded, and the last ones found
right are remembered. Documents are checked by `violations`, a function for a process with a time limit, as a schema's
patterns may backtrack for ever. References are followed within the schema and never fetched.
"""

from __future__ import annotations

import json
from functools import lru_cache
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, cast

from jsonschema import Draft202012Validator
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012, EMPTY_REGISTRY

from app.verifiers.json_schema.metaschema import metaschema_validator

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sized
    from typing import TypeAlias

    from jsonschema import ValidationError
    from referencing.jsonschema import Schema, SchemaRegistry, SchemaResource

    _Container: TypeAlias = dict[str, object] | list[object]

MAX_SCHEMA_CHARACTERS = 65_536
MAX_SCHEMA_NODES = 1_000
MAX_SCHEMA_DEPTH = 64

MAX_VIOLATIONS = 5
"""How many violations of one document are told."""

_MAX_DETAIL = 200
_SECRET = frozenset(
    {
        *("const", "enum", "not", "oneOf", "pattern"),
        *("multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    }
)
"""Keywords whose values may be the very answer that is asked for."""


def check_schema(schema: Schema) -> None:
    """Raise ValueError, saying where and why, if this is no schema, is too large or refers to what is not in it."""
    _check_size(schema)
    text = json.dumps(schema)
    _check_characters(len(text))
    _check_text(text)


def violations(schema: Schema, document: str) -> list[str] | None:
    """Return what in the JSON text `document` the schema forbids, a bounded sentence each; None if it isn't JSON."""
    try:
        value: Any = json.loads(document, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None
    validator = Draft202012Validator(schema, registry=_registry(schema))
    errors: Iterator[ValidationError] = validator.iter_errors(value)  # pyright: ignore[reportUnknownMemberType]
    return [_sentence(error) for error in islice(errors, MAX_VIOLATIONS)]


def _check_size(schema: Schema) -> None:
    """Raise ValueError where the schema is too large or nests too deeply, without looking at more than it may have.

    The length of a list, an object or a string is no greater than that of its JSON text.
    """
    level: list[object] = [schema]
    depth = nodes = characters = 0
    while level:
        opened = cast("list[_Container]", [value for value in level if isinstance(value, dict | list)])
        texts = [value for value in level if isinstance(value, str)]
        depth, nodes, characters = (
            depth + bool(opened),
            nodes + len(opened),
            characters + _total(opened) + _total(texts),
        )
        if depth > MAX_SCHEMA_DEPTH:
            raise ValueError(f"the schema nests more than {MAX_SCHEMA_DEPTH} levels deep")
        if nodes > MAX_SCHEMA_NODES:
            raise ValueError(f"the schema has more than {MAX_SCHEMA_NODES} objects and lists")
        _check_characters(characters)
        level = [child for value in opened for child in _children(value)]


def _check_characters(count: int) -> None:
    if count > MAX_SCHEMA_CHARACTERS:
        raise ValueError(f"the schema has more than {MAX_SCHEMA_CHARACTERS} characters")


def _total(values: Iterable[Sized]) -> int:
    return sum(map(len, values))


def _children(value: _Container) -> Iterable[object]:
    """Return the items of a list, or the keys and the values of an object."""
    return chain(value, value.values()) if isinstance(value, dict) else value


@lru_cache(maxsize=256)
def _check_text(text: str) -> None:
    """Raise ValueError if the JSON `text` is no schema, or has a reference that leads nowhere."""
    schema: Schema = json.loads(text)
    errors: Iterator[ValidationError] = metaschema_validator().iter_errors(schema)  # pyright: ignore[reportUnknownMemberType]
    error = next(errors, None)
    if error is not None:
        raise ValueError(f"not a JSON Schema of draft 2020-12: {_shortened(error.message)} (at {error.json_path})")
    try:
        _follow_references(schema)
    except Unresolvable as unresolvable:
        reference = _shortened(unresolvable.ref)
        raise ValueError(f"the reference {reference!r} leads nowhere in the schema; none is fetched") from unresolvable
    except (ValueError, TypeError, AttributeError) as broken:  # what `referencing` raises for paths through scalars
        reason = _shortened(str(broken))
        raise ValueError(f"not a JSON Schema of draft 2020-12: a reference or `$id` is broken ({reason})") from broken


def _registry(schema: Schema) -> SchemaRegistry:
    """Return what a reference may lead to: the schema itself, by its `$id`, anchors and paths."""
    resource: SchemaResource = DRAFT202012.create_resource(schema)
    return EMPTY_REGISTRY.with_resource(resource.id() or "", resource).crawl()


def _follow_references(schema: Schema) -> None:
    """Raise `Unresolvable` where a reference, anywhere in the schema, leads nowhere, or TypeError for no schema."""
    resource: SchemaResource = DRAFT202012.create_resource(schema)
    parts = [(resource, _registry(schema).resolver(resource.id() or ""))]
    while parts:
        part, resolver = parts.pop()
        for reference in _references(part.contents):
            target = cast("object", resolver.lookup(reference).contents)
            if not isinstance(target, dict | bool):
                raise TypeError(f"{_shortened(reference)!r} leads to what is no schema")
        parts += [(child, resolver.in_subresource(child)) for child in part.subresources()]


def _references(schema: Schema) -> list[str]:
    """Return what this schema itself refers to."""
    found = [] if isinstance(schema, bool) else [schema.get("$ref"), schema.get("$dynamicRef")]
    return [reference for reference in found if isinstance(reference, str)]


def _refuse_constant(name: str) -> object:
    """Refuse `NaN` and `Infinity`, which Python reads and JSON has not."""
    raise ValueError(f"{name} is not JSON")


def _sentence(error: ValidationError) -> str:
    """Say which place violates what, without what the schema may keep secret."""
    detail = f"violates {error.validator!r}" if error.validator in _SECRET else _shortened(error.message)
    return f"At {_shortened(error.json_path)}: {detail}."


def _shortened(text: str) -> str:
    """Return both ends of a text that is too long."""
    half = _MAX_DETAIL // 2
    return text if len(text) <= _MAX_DETAIL else f"{text[:half]} ... {text[-half:]}"
