from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.worker.plan import Plan
from tests.redis_server import free_port

if TYPE_CHECKING:
    from collections.abc import Callable

    MakePlan = Callable[..., Plan]


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """An interpreter whose vLLM is the fake one."""
    script = tmp_path / "python"
    fake = Path(__file__).with_name("fake_vllm.py")
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{fake}" "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return script


@pytest.fixture
def make_plan(python: Path) -> MakePlan:
    """Return a plan for the fake vLLM on a free port, with these flags besides."""

    def make(*flags: str) -> Plan:
        return Plan(model="m", port=free_port(), python=python, flags=("--shutdown-timeout", "1", *flags))

    return make
