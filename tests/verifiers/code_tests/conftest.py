from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.candidates import Candidate, Reply
from app.errors import SandboxUnavailableError
from app.sandbox.bubblewrap import Bubblewrap
from app.verifiers.tests import CodeTests
from tests.tools import verifier_tools

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from typing import TypeAlias

    from app.candidates import Verdict

    Judge: TypeAlias = Callable[..., Verdict]


@pytest.fixture(scope="package")
def box(runner: asyncio.Runner) -> Bubblewrap:
    """The real sandbox; tests that need it are skipped where there is none."""

    async def opened() -> Bubblewrap:
        box = Bubblewrap(slots=2)
        await box.check()
        return box

    try:
        return runner.run(opened())
    except SandboxUnavailableError as error:
        pytest.skip(error.message)


@pytest.fixture
def judge(runner: asyncio.Runner, box: Bubblewrap) -> Judge:
    """Return the verdict on a reply with this text under a verifier with these fields."""

    def judged(text: str, **fields: object) -> Verdict:
        candidate = Candidate(index=0, reply=Reply(text=text), finish_reason="stop")
        verifier = CodeTests.model_validate({"entry_point": "f", **fields})
        return runner.run(verifier.verify(candidate, verifier_tools(sandbox=box)))

    return judged
