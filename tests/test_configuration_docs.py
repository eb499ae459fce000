"""docs/configuration.md and deploy/quorum.example.toml say what app/settings does."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from pydantic import BaseModel

from app.api.selection import Selector
from app.price import Price
from app.settings.origin import CONFIG_VARIABLE
from app.settings.settings import Settings
from app.settings.worker_entry import WorkerEntry

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "deploy" / "quorum.example.toml"
ROW = re.compile(r"^\| `([a-z0-9_.]+)` \| (.*?) \| `(QUORUM_[A-Z_0-9]+)` \| \S", re.MULTILINE)
WORKER_ROW = re.compile(r"^\| `workers\.([a-z_]+)` \|", re.MULTILINE)
PRICE_ROW = re.compile(r"^\| `prices\.MODEL\.([a-z_]+)` \|", re.MULTILINE)
TOML_BLOCK = re.compile(r"^```toml\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMENTED = re.compile(r'^# (?=[a-z0-9_]+ = |"[a-z0-9-]+" = )', re.MULTILINE)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(CONFIG_VARIABLE, raising=False)


def test_the_example_loads_and_states_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONFIG_VARIABLE, str(EXAMPLE))
    assert Settings() == Settings.model_construct()


def test_what_the_example_has_commented_out_is_valid_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "all.toml"
    file.write_text(COMMENTED.sub("", EXAMPLE.read_text()))
    monkeypatch.setenv(CONFIG_VARIABLE, str(file))
    settings = Settings()
    assert settings.worker_api_key
    assert settings.redis_url
    assert settings.aliases == {"fast": "qwen3-8b"}
    assert settings.embedded.model
    assert settings.prices["qwen3-32b"].gpu_hour
    assert Selector(default=settings.default_strategy, presets=settings.presets).presets["careful"].draws == 16


def test_the_example_names_every_key() -> None:
    written = tomllib.loads(COMMENTED.sub("", EXAMPLE.read_text()))
    named = set(_keys(written)) | {"aliases", "presets", "prices"}
    assert dict(_fields(Settings.model_construct())).keys() <= named


def test_the_page_documents_exactly_the_keys_that_there_are() -> None:
    assert sorted(_documented()) == sorted(dict(_fields(Settings.model_construct())))
    assert set(PRICE_ROW.findall(_page())) == set(Price.model_fields)
    assert set(WORKER_ROW.findall(_page())) == set(WorkerEntry.model_fields)


def test_the_page_states_the_real_defaults() -> None:
    documented = {key: default for key, (default, _) in _documented().items()}
    assert documented == {key: _as_written(value) for key, value in _fields(Settings.model_construct())}


def test_the_page_names_the_variable_of_every_key() -> None:
    variables = {key: variable for key, (_, variable) in _documented().items()}
    assert variables == {key: f"QUORUM_{key.upper().replace('.', '__')}" for key in variables}


def test_variables_are_read_as_the_page_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUORUM_WORKERS", "http://a:1, http://b:2/v1")
    monkeypatch.setenv("QUORUM_LIMITS__MAX_CANDIDATES", "32")
    monkeypatch.setenv("QUORUM_DEFAULT_STRATEGY", "parallel-8")
    monkeypatch.setenv("QUORUM_PRICES", '{"m": {"completion": 0.2}}')
    settings = Settings()
    assert len(settings.workers) == 2
    assert settings.limits.max_candidates == 32
    assert settings.limits.deadline_s == 600.0
    assert settings.default_strategy == "parallel-8"
    assert settings.prices["m"].completion == 0.2


@pytest.mark.parametrize("block", TOML_BLOCK.findall((ROOT / "docs" / "configuration.md").read_text()))
def test_the_examples_of_the_page_are_valid(block: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "block.toml"
    file.write_text(block)
    monkeypatch.setenv(CONFIG_VARIABLE, str(file))
    settings = Settings()
    Selector(default=settings.default_strategy, presets=settings.presets)


def _page() -> str:
    return (ROOT / "docs" / "configuration.md").read_text()


def _documented() -> dict[str, tuple[str, str]]:
    """Return default and variable of every key in the page's tables."""
    return {key: (default.strip("`"), variable) for key, default, variable in ROW.findall(_page())}


def _fields(settings: BaseModel, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield every key that is no table of its own, and its value."""
    for name, value in settings:
        if isinstance(value, BaseModel):
            yield from _fields(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _keys(table: dict[str, object], prefix: str = "") -> Iterator[str]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _keys(cast("dict[str, object]", value), f"{prefix}{name}.")
        else:
            yield prefix + name


def _as_written(value: object) -> str:
    return "none" if value is None else json.dumps(value)
