from __future__ import annotations

import asyncio

import pytest

from app.errors import SandboxUnavailableError
from app.sandbox.proof import Proof


class Attempts:
    """A check that fails so often before it passes."""

    def __init__(self, failures: int) -> None:
        self.left = failures
        self.made = 0

    async def __call__(self) -> None:
        self.made += 1
        await asyncio.sleep(0.01)
        if self.left:
            self.left -= 1
            raise SandboxUnavailableError(f"failure {self.made}")


def test_callers_at_the_same_time_share_one_check() -> None:
    attempts = Attempts(0)

    async def main() -> None:
        proof = Proof(attempts)
        async with asyncio.TaskGroup() as group:
            for _ in range(10):
                group.create_task(proof.hold())

    asyncio.run(main())
    assert attempts.made == 1


def test_a_failure_is_told_again_and_looked_at_anew_some_seconds_later(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = Attempts(1)

    async def main() -> None:
        proof = Proof(attempts)
        for _ in range(3):
            with pytest.raises(SandboxUnavailableError, match="failure 1"):
                await proof.hold()
        monkeypatch.setattr("app.sandbox.proof._RETRY_S", 0.0)
        await proof.hold()
        await proof.hold()

    asyncio.run(main())
    assert attempts.made == 2
