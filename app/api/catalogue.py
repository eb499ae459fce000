"""What a request can name: the parts with their schemas, and the request's own schema for OpenAPI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.aggregators import AGGREGATORS
from app.answers import EXTRACTORS
from app.api.schemas import ChatRequest
from app.parts import type_name
from app.stopping import STOP_RULES
from app.strategies import STRATEGIES
from app.verifiers import VERIFIERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.api.selection import Selector
    from app.parts import Part

KINDS: dict[str, Sequence[type[Part]]] = {
    "strategies": STRATEGIES,
    "answers": EXTRACTORS,
    "verifiers": VERIFIERS,
    "aggregators": AGGREGATORS,
    "stop_rules": STOP_RULES,
}

CHAT_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ChatRequest"}}},
    }
}


def parts(selector: Selector) -> dict[str, object]:
    """Return every part by kind, with its JSON schema, and the presets as the specs that they stand for."""
    listed: dict[str, object] = {
        kind: [
            {"type": type_name(part), "description": _first_line(part), "schema": part.model_json_schema()}
            for part in members
        ]
        for kind, members in KINDS.items()
    }
    presets = {name: spec.spec() for name, spec in selector.presets.items()}
    default = selector.default.spec()
    return {"object": "list", **listed, "presets": presets, "default": default}


def chat_schemas() -> dict[str, Any]:
    """Return OpenAPI's component schemas of the chat request and of everything that it refers to."""
    schema = ChatRequest.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs", {}), "ChatRequest": schema}


def _first_line(part: type[Part]) -> str:
    return (part.__doc__ or "").strip().split("\n", 1)[0]
