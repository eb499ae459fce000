from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from app.aggregators import AGGREGATORS, AnyAggregator
from app.parts import example_of, type_name
from app.strategies import AnyStrategy
from app.strategies.base import Strategy
from app.verifiers import AnyVerifier
from app.verifiers.judge import JudgeVerifier

DOCS = Path(__file__).resolve().parents[2] / "docs"
SPECS = [
    spec
    for name in ("aggregators.md", "verifiers.md")
    for spec in re.findall(
        r"```json\n(\{\"type\": \"parallel\".*?)```", (DOCS / name).read_text(encoding="utf-8"), re.DOTALL
    )
]


@pytest.mark.parametrize("part", AGGREGATORS, ids=type_name)
def test_every_example_is_one(part: Any) -> None:  # noqa: ANN401 - the union's members
    assert TypeAdapter[Any](AnyAggregator).validate_python(example_of(part)).name == type_name(part)


def test_the_judges_example_is_one() -> None:
    assert isinstance(TypeAdapter[Any](AnyVerifier).validate_python(example_of(JudgeVerifier)), JudgeVerifier)


@pytest.mark.parametrize("spec", SPECS)
def test_every_documented_spec_is_one(spec: str) -> None:
    assert isinstance(TypeAdapter[Any](AnyStrategy).validate_python(json.loads(spec)), Strategy)
