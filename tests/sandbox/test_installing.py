from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("sh", "cat", "cksum", "dirname", "flock", "id")
MARK = "{ cat -- %s && pwd && python3 --version; } | cksum >.venv/%s"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone in which all is installed already, and a PATH, `bin`, without apt and what it would install."""
    (tmp_path / "bin").mkdir()
    for name in NEEDED:
        found = shutil.which(name)
        if found is None:
            pytest.skip(f"there is no {name} here")
        (tmp_path / "bin" / name).symlink_to(found)
    (tmp_path / "bin" / "python3").symlink_to(Path(sys.executable).resolve())
    for name in ("deploy/install.sh", "requirements/dev.txt", "pyproject.toml", ".venv/bin/python"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for files, mark in (("requirements/dev.txt", ".pins"), ("requirements/dev.txt pyproject.toml", ".project")):
        said(tmp_path, "-c", MARK % (files, mark))
    return tmp_path


def said(clone: Path, *words: str) -> str:
    """Return what a shell says, by default at an installation."""
    command = ["/bin/sh", *(words or ["deploy/install.sh"])]
    env = {"PATH": str(clone / "bin")}
    ended = subprocess.run(command, cwd=clone, env=env, capture_output=True, text=True, check=False)  # noqa: S603
    assert ended.returncode == 0, ended
    return ended.stdout + ended.stderr


@pytest.mark.parametrize("package", ["bubblewrap", "redis-server"])
def test_every_installation_says_what_is_missing(clone: Path, package: str) -> None:
    for _ in range(2):
        assert f"{package} is missing" in said(clone)


def test_where_all_is_there_nothing_is_said(clone: Path) -> None:
    for name in ("bwrap", "redis-server"):
        (clone / "bin" / name).symlink_to("/bin/sh")
    assert said(clone) == ""
