from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.processes.latest import Latest

if TYPE_CHECKING:
    from pathlib import Path

FIRST = 'workers = ["http://a:1"]\nlog_level = "info"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    written = tmp_path / "quorum.toml"
    written.write_text(FIRST, encoding="utf-8")
    return written


def test_what_can_change_at_run_time_is_taken_in_and_the_rest_stays(file: Path) -> None:
    latest = Latest(file, {})
    file.write_text('workers = ["http://b:1"]\nlog_level = "error"\n', encoding="utf-8")
    assert latest.written["workers"] == ["http://a:1"]
    latest.look()
    assert latest.written == {"workers": ["http://b:1"], "log_level": "info"}


@pytest.mark.parametrize("broken", ["workers = [", "nothing = 1", 'workers = ["http://b:1"]\nlog_level = "loud"'])
def test_a_file_that_can_not_be_used_changes_nothing(file: Path, broken: str) -> None:
    latest = Latest(file, {})
    file.write_text(broken, encoding="utf-8")
    latest.look()
    file.unlink()
    latest.look()
    assert latest.written == {"workers": ["http://a:1"], "log_level": "info"}
