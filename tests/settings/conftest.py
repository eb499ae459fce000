from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Configure = Callable[[str], None]


@pytest.fixture(autouse=True)
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Begin without any configuration; what is given to the fixture becomes the configuration file."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("QUORUM_")]:
        monkeypatch.delenv(name)

    def write(text: str) -> None:
        (tmp_path / "quorum.toml").write_text(text, encoding="utf-8")

    return write
