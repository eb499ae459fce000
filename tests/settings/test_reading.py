from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from app.settings.origin import CONFIG_VARIABLE
from app.settings.reading import ConfigurationError, NoFileError, configured_file, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Configure = Callable[[str], None]


def test_a_file_that_was_found_once_is_needed_from_then_on(configure: Configure, tmp_path: Path) -> None:
    assert configured_file(None) is None
    configure("port = 9\n")
    found = configured_file(None)
    assert load_settings(found, {}).port == 9
    (tmp_path / "quorum.toml").unlink()
    with pytest.raises(NoFileError, match=r"no configuration file quorum\.toml"):
        load_settings(found, {})


def test_a_file_that_is_changed_while_it_is_read_is_read_once(configure: Configure, tmp_path: Path) -> None:
    configure("port = 9\n")
    os.mkfifo(tmp_path / "pipe")
    writing = threading.Thread(target=(tmp_path / "pipe").write_text, args=("port = 7\n",), daemon=True)
    writing.start()
    assert load_settings(tmp_path / "pipe", {}).port == 7
    writing.join()


def test_a_directory_or_bytes_that_are_no_text_can_not_be_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "quorum.toml").mkdir()
    with pytest.raises(ConfigurationError, match=r"quorum\.toml can't be read: Is a directory"):
        load_settings(None, {})
    (tmp_path / "other").write_bytes(b"port = \xff")
    monkeypatch.setenv(CONFIG_VARIABLE, str(tmp_path / "other"))
    with pytest.raises(ConfigurationError, match=r"other, which QUORUM_CONFIG names, is not TOML, .* UTF-8"):
        load_settings(None, {})


def test_an_empty_name_of_a_file_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONFIG_VARIABLE, "")
    with pytest.raises(ConfigurationError, match="QUORUM_CONFIG is empty"):
        load_settings(None, {})
