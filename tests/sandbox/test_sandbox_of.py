from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from app.main import sandbox_of
from app.sandbox.base import PYTHON, Program
from app.sandbox.bubblewrap import Bubblewrap
from app.sandbox.remote import Remote
from app.settings.sections import Sandbox as SandboxSettings
from tests.sandbox.fusion import Fusion, finished

if TYPE_CHECKING:
    from pathlib import Path


def test_without_an_address_programs_run_here() -> None:
    async def main() -> bytes:
        async with sandbox_of(SandboxSettings()) as sandbox:
            assert isinstance(sandbox, Bubblewrap)
            return (await sandbox.run(Program(command=[PYTHON, "-c", "print(1)"]))).stdout

    assert asyncio.run(main()) == b"1\n"


def test_with_an_address_programs_run_there() -> None:
    async def main() -> None:
        async with Fusion(finished(stdout="42\n")) as fusion:
            settings = SandboxSettings.model_validate({"url": fusion.url, "max_time_limit_s": 2.0})
            async with sandbox_of(settings) as sandbox:
                assert isinstance(sandbox, Remote)
                await sandbox.check()
            assert fusion.seen[0]["run_timeout"] == 2.0

    asyncio.run(main())


def test_opening_takes_nothing_that_check_needs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    async def main() -> None:
        async with sandbox_of(SandboxSettings()):
            pass

    asyncio.run(main())


@pytest.mark.parametrize("field", ["python", "read_only"])
def test_paths_must_be_absolute(field: str) -> None:
    with pytest.raises(ValueError, match="no absolute path"):
        SandboxSettings.model_validate({field: "bin/python3"})
