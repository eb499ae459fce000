from __future__ import annotations

import sys
from pathlib import Path

import pytest

from app.worker.machine import check_machine, looks_like_path
from app.worker.plan import Plan, UnusablePlanError


@pytest.mark.parametrize("model", ["m", "Qwen/Qwen3-8B", "Qwen/Qwen3-8B-GGUF:Q4_K_M", "s3://bucket/a/b/c"])
def test_a_name_or_an_address_is_left_to_vllm(model: str) -> None:
    check_machine(Plan(model=model))


@pytest.mark.parametrize("model", ["/models/m", "./m", "../m", "~/m", "a/b/c", ""])
def test_a_path_at_which_there_is_nothing_is_told(model: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnusablePlanError, match=f"no model at {model}:|MODEL is empty"):
        check_machine(Plan(model=model))


def test_a_path_at_which_there_is_something_is_taken(tmp_path: Path) -> None:
    assert looks_like_path(str(tmp_path))
    check_machine(Plan(model=str(tmp_path)))


def test_an_interpreter_that_has_no_vllm_is_told() -> None:
    with pytest.raises(UnusablePlanError, match="has no vLLM"):
        check_machine(Plan(model="m", python=Path(sys.executable)))


def test_an_interpreter_that_has_vllm_is_taken(python: Path) -> None:
    check_machine(Plan(model="m", python=python))


def test_what_is_no_interpreter_is_told(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "nowhere", "No such file"), (tmp_path, "Permission denied")):
        with pytest.raises(UnusablePlanError, match=f"--python {path} can't be run: {reason}"):
            check_machine(Plan(model="m", python=path))
