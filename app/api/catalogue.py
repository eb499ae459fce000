"""What a request can name: the parts with their schemas, and the request's own schema for OpenAPI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

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

CHAT_REQUEST = "#/components/schemas/ChatRequest"

KINDS: dict[str, Sequence[type[Part]]] = {
    "strategies": STRATEGIES,
    "answers": EXTRACTORS,
    "verifiers": VERIFIERS,
    "aggregators": AGGREGATORS,
    "stop_rules": STOP_RULES,
}


def listing(selector: Selector) -> bytes:
    """Return the JSON of every part by kind, with its schema, and of the presets as the specs that they stand for.

    Building it takes long, and it never changes: it is made once, at the start.
    """
    listed: dict[str, object] = {
        kind: [{"type": type_name(part), "description": _first_line(part), "schema": _schema(part)} for part in members]
        for kind, members in KINDS.items()
    }
    presets = {name: spec.spec for name, spec in selector.presets.items()}
    default = selector.default.spec
    return msgspec.json.encode({"object": "list", **listed, "presets": presets, "default": default})


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
