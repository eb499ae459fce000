"""What a request can name: the parts with their schemas, and the request's own schema for OpenAPI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from app.aggregators import AGGREGATORS
from app.aggregators.base import Aggregator
from app.answers import EXTRACTORS
from app.api.schemas import ChatRequest
from app.parts import example_of, type_name
from app.stopping import STOP_RULES
from app.stopping.verified import Verified
from app.strategies import STRATEGIES
from app.verifiers import VERIFIERS
from app.verifiers.math import MathVerifier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.api.selection import Selector
    from app.parts import Part

CHAT_REQUEST = "#/components/schemas/ChatRequest"

KINDS: dict[str, Sequence[type[Part]]] = {
    "strategies": STRATEGIES,
    "answers": EXTRACTORS,
    "verifiers": VERIFIERS,
    "aggregators": AGGREGATORS,
    "stop_rules": STOP_RULES,
}


def listing(selector: Selector) -> bytes:
    """Return the JSON of every part by kind, with its schema and an example, and of the presets, spelled out.

    Building it takes long, and it never changes: it is made once, at the start.
    """
    listed: dict[str, object] = {
        kind: [
            {
                "type": type_name(part),
                "description": _first_line(part),
                "example": example(kind, part),
                "schema": _schema(part),
            }
            for part in members
        ]
        for kind, members in KINDS.items()
    }
    presets = {name: spec.spec for name, spec in selector.presets.items()}
    default = selector.default.spec
    return msgspec.json.encode({"object": "list", **listed, "presets": presets, "default": default})


def example(kind: str, part: type[Part]) -> dict[str, object]:
    """Return a whole strategy, ready to be sent, in which the part has its place."""
    written = example_of(part)
    if kind == "strategies":
        return written
    if kind == "verifiers":
        return {"type": "reject", "max_attempts": 2, "verifiers": [written]}
    field = {"answers": "answer", "aggregators": "aggregator", "stop_rules": "stop"}[kind]
    n = 8 if kind == "stop_rules" else 3
    return {"type": "parallel", "n": n, field: written, **_needed_by(part)}


def _needed_by(part: type[Part]) -> dict[str, object]:
    """Return what an aggregator or a stop rule can't do without: a verifier that scores, or one that runs programs."""
    if part is Verified:
        return {"verifiers": [example_of(MathVerifier)]}
    if not issubclass(part, Aggregator):
        return {}
    aggregator = part.model_validate(example_of(part))
    if aggregator.needs_outputs:
        return {"verifiers": [example_of(one) for one in VERIFIERS if one.observes][:1]}
    return {"verifiers": [example_of(MathVerifier)]} if aggregator.needs_score else {}


def describe_chat(document: dict[str, Any]) -> None:
    """Add the chat endpoint, which is no FastAPI route, and the schemas of its request to an OpenAPI document."""
    schema = ChatRequest.model_json_schema(ref_template="#/components/schemas/{model}")
    components = document.setdefault("components", {}).setdefault("schemas", {})
    components |= {**schema.pop("$defs", {}), "ChatRequest": schema}
    document["paths"]["/v1/chat/completions"] = {
        "post": {
            "summary": "Answer a conversation under a strategy",
            "operationId": "create_chat_completion",
            "parameters": [
                {"name": "dry_run", "in": "query", "schema": {"type": "boolean", "default": False}},
                {"name": "X-Quorum-Strategy", "in": "header", "schema": {"type": "string"}},
            ],
            "requestBody": {"required": True, "content": {"application/json": {"schema": {"$ref": CHAT_REQUEST}}}},
            "responses": {"200": {"description": "OpenAI's chat completion, or its chunks, with a `quorum` object"}},
        }
    }


def _schema(part: type[Part]) -> dict[str, Any]:
    """Return the part's schema, its properties at the top also where it can stand inside itself."""
    schema = part.model_json_schema()
    own = schema.pop("$ref", "").rpartition("/")[2]
    return {**schema["$defs"][own], **schema} if own else schema


def _first_line(part: type[Part]) -> str:
    return (part.__doc__ or "").strip().split("\n", 1)[0]
