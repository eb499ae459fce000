from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from app.answers.equivalence import Equivalence
from app.candidates import Question
from app.offload import Offload
from app.verifiers.base import VerifierTools

if TYPE_CHECKING:
    from collections.abc import Iterator


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
    question = Question(messages=[{"role": "user", "content": "How many?"}])
    yield VerifierTools(question=question, equivalence=Equivalence(offload), offload=offload)
    runner.run(offload.close())
