from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from app.offload import Offload
from tests.tools import verifier_tools

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.verifiers.base import VerifierTools


@pytest.fixture(scope="package")
def runner() -> Iterator[asyncio.Runner]:
    """One event loop for all tests of the package, as the processes of `tools` belong to one."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="package")
def tools(runner: asyncio.Runner) -> Iterator[VerifierTools]:
    async def opened() -> Offload:
        return Offload(preload=("math_verify", "app.verifiers"))

    offload = runner.run(opened())
    yield verifier_tools(offload)
    runner.run(offload.close())
