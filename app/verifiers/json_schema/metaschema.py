"""The meta-schema of JSON Schema, draft 2020-12, written for checking schemas from strangers in little time.

It says in one piece what the draft's own meta-schema says, which takes a tenth of the time, but for this: a list may
hold a value twice, as `jsonschema` would compare each with each; lists have a greatest length; and a regular
expression is wrong only if it is one of the first 100 and RE2 says so for a reason other than its own limits, as
Python's `re` may take seconds to compile it.
"""

from __future__ import annotations

from itertools import count
from typing import Any, cast

from jsonschema import Draft202012Validator, FormatChecker

from app.patterns import PatternError, compiled

MAX_ITEMS = 1_000
"""The longest list of names or of schemas, and the most named schemas in one object."""

MAX_PATTERNS = 100
"""How many regular expressions of one schema are looked at."""

_MAX_PATTERN_MEMORY = 128 * 2**10
"""Bytes that one may take compiled, which bounds the time that a hundred of them take."""

_BEYOND_RE2 = ("invalid perl operator", "invalid escape sequence", "invalid repetition size", "pattern too large")
"""How RE2 says that it can't run an expression which others can."""

_TYPES = ["array", "boolean", "integer", "null", "number", "object", "string"]


def metaschema_validator() -> Draft202012Validator:
    """Return the validator of schemas; its first error is the one to report, as later ones may take long to find."""
    checked = count()

    def is_regex(value: object) -> bool:
        return next(checked) >= MAX_PATTERNS or _is_pattern(value)

    formats = FormatChecker(formats=())
    formats.checks("regex", raises=UnicodeError)(is_regex)
    return Draft202012Validator(_metaschema(), format_checker=formats)


def _metaschema() -> dict[str, Any]:
    schema, text, size = {"$ref": "#"}, {"type": "string"}, {"type": "integer", "minimum": 0}
    names = {"type": "array", "maxItems": MAX_ITEMS, "items": text}
    schemas = {"type": "array", "minItems": 1, "maxItems": MAX_ITEMS, "items": schema}
    named = {"type": "object", "maxProperties": MAX_ITEMS, "additionalProperties": schema}
    pattern, number, flag = {"type": "string", "format": "regex"}, {"type": "number"}, {"type": "boolean"}
    anchor = {"type": "string", "pattern": "^[A-Za-z_][-A-Za-z0-9._]*$"}
    one_type = {"enum": _TYPES}
    keywords: dict[str, Any] = {
        "$schema": text,
        "$id": {"type": "string", "pattern": "^[^#]*#?$"},
        "$ref": text,
        "$dynamicRef": text,
        "$anchor": anchor,
        "$dynamicAnchor": anchor,
        "$comment": text,
        "$defs": named,
        "type": {"if": {"type": "array"}, "then": {"minItems": 1, "maxItems": 7, "items": one_type}, "else": one_type},
        "enum": {"type": "array"},
        "multipleOf": {"type": "number", "exclusiveMinimum": 0},
        "pattern": pattern,
        "required": names,
        "dependentRequired": {"type": "object", "maxProperties": MAX_ITEMS, "additionalProperties": names},
        "patternProperties": {**named, "propertyNames": {"format": "regex"}},
    }
    keywords |= dict.fromkeys(("maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum"), number)
    keywords |= dict.fromkeys(("maxLength", "minLength", "maxItems", "minItems"), size)
    keywords |= dict.fromkeys(("maxContains", "minContains", "maxProperties", "minProperties"), size)
    keywords |= dict.fromkeys(("uniqueItems", "deprecated", "readOnly", "writeOnly"), flag)
    keywords |= dict.fromkeys(("title", "description", "format", "contentEncoding", "contentMediaType"), text)
    keywords |= dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems"), schemas)
    keywords |= dict.fromkeys(("properties", "dependentSchemas", "definitions"), named)
    keywords |= dict.fromkeys(("additionalProperties", "unevaluatedProperties", "propertyNames"), schema)
    keywords |= dict.fromkeys(("items", "contains", "unevaluatedItems", "contentSchema"), schema)
    keywords |= dict.fromkeys(("not", "if", "then", "else"), schema)
    return {"type": ["object", "boolean"], "properties": keywords}


def _is_pattern(value: object) -> bool:
    """Whether the string may be a regular expression."""
    try:
        compiled(cast("str", value), max_memory=_MAX_PATTERN_MEMORY)
    except PatternError as error:
        return error.reason.startswith(_BEYOND_RE2)
    return True
