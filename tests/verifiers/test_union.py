from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from app.parts import type_name
from app.verifiers import VERIFIERS, AnyVerifier
from app.verifiers.math import MathVerifier

ADAPTER = TypeAdapter[AnyVerifier](AnyVerifier)
MATH: dict[str, object] = {"type": "math", "answer": "1/2"}
SPECS: list[dict[str, object]] = [
    {"type": "all_of", "verifiers": [MATH, {"type": "any_of", "verifiers": [MATH]}]},
    {"type": "any_of", "verifiers": [{"type": "json_schema", "schema": {"type": "object"}}, MATH]},
    {"type": "choice", "answer": "B"},
    {"type": "exact", "answer": "Paris", "ignore_case": False},
    {"type": "json_schema", "schema": {"type": "object"}},
    {
        "type": "judge",
        "model": "big",
        "mode": "pointwise",
        "rubric": "Is it kind?",
        "reference": "Yes.",
        "scale": 5,
        "pass_at": 1.0,
        "max_tokens": 64,
        "temperature": 0.5,
        "feedback": True,
        "max_response_bytes": 4_000,
    },
    MATH,
    {"type": "regex", "pattern": "a+", "flags": "i"},
    {
        "type": "reward_model",
        "model": "rm",
        "api": "pooling",
        "label": 1,
        "activation": "sigmoid",
        "scale": [0.0, 0.5],
        "pass_at": 0.5,
    },
    {
        "type": "tests",
        "language": "python",
        "entry_point": "f",
        "command": [],
        "file": None,
        "public": [{"args": [1], "expected": None}, {"program": "assert f(1)"}],
        "hidden": [{"stdin": "1"}],
        "hidden_feedback": "count",
        "reference": None,
        "time_limit_s": 2.0,
        "memory_mb": 128,
        "processes": 4,
        "output_bytes": 1_024,
    },
    {
        "type": "webhook",
        "url": "https://verify.example.com/check",
        "timeout_s": 5.0,
        "pass_at": 0.5,
        "include": ["thinking"],
    },
    {"type": "weighted", "verifiers": [{"verifier": MATH, "weight": 2.0}], "pass_at": 0.5},
]


def test_every_verifier_is_known_by_its_name() -> None:
    assert [type_name(part) for part in VERIFIERS] == [spec["type"] for spec in SPECS]


@pytest.mark.parametrize("spec", SPECS)
def test_a_spec_survives_reading_and_writing(spec: dict[str, object]) -> None:
    assert ADAPTER.dump_python(ADAPTER.validate_python(spec), mode="json") == spec
    assert ADAPTER.validate_python(spec).spec == spec


def test_a_spec_becomes_its_verifier() -> None:
    assert ADAPTER.validate_python(MATH) == MathVerifier(answer="1/2")


@pytest.mark.parametrize(
    "spec", [{"type": "oracle"}, {"type": "math"}, "math", {"type": "regex", "pattern": "a", "n": 1}]
)
def test_what_is_no_verifier_is_refused(spec: object) -> None:
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(spec)


def test_every_parameter_is_described() -> None:
    schemas = ADAPTER.json_schema()["$defs"]
    for name, schema in schemas.items():
        assert all("description" in field for key, field in schema.get("properties", {}).items() if key != "type"), name
