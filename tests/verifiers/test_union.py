from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from app.parts import type_name
from app.verifiers import VERIFIERS, AnyVerifier
from app.verifiers.math import MathVerifier

ADAPTER = TypeAdapter[AnyVerifier](AnyVerifier)
SPECS: list[dict[str, object]] = [
    {"type": "choice", "answer": "B"},
    {"type": "exact", "answer": "Paris", "ignore_case": False},
    {"type": "json_schema", "schema": {"type": "object"}},
    {
        "type": "judge",
        "model": "big",
        "mode": "pairwise",
        "rubric": "Is it kind?",
        "reference": "Yes.",
        "scale": 5,
        "pass_at": 1.0,
        "max_tokens": 64,
        "temperature": 0.5,
        "feedback": True,
        "max_response_bytes": 4_000,
    },
    {"type": "math", "answer": "1/2"},
    {"type": "regex", "pattern": "a+", "flags": "i"},
]


def test_every_verifier_is_known_by_its_name() -> None:
    assert [type_name(part) for part in VERIFIERS] == [spec["type"] for spec in SPECS]


@pytest.mark.parametrize("spec", SPECS)
def test_a_spec_survives_reading_and_writing(spec: dict[str, object]) -> None:
    assert ADAPTER.dump_python(ADAPTER.validate_python(spec)) == spec


def test_a_spec_becomes_its_verifier() -> None:
    assert ADAPTER.validate_python(SPECS[4]) == MathVerifier(answer="1/2")


@pytest.mark.parametrize(
    "spec", [{"type": "oracle"}, {"type": "math"}, "math", {"type": "regex", "pattern": "a", "n": 1}]
)
def test_what_is_no_verifier_is_refused(spec: object) -> None:
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(spec)


def test_every_parameter_is_described() -> None:
    for part in VERIFIERS:
        properties = part.model_json_schema()["properties"]
        assert all("description" in field for name, field in properties.items() if name != "type"), part
