"""The sandbox of a server that has none: it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from app.errors import SandboxUnavailableError

if TYPE_CHECKING:
    from app.sandbox.base import Program


class Absent:
    """Runs nothing."""

    async def check(self) -> NoReturn:
        """Raise `SandboxUnavailableError`."""
        raise SandboxUnavailableError("this server has no sandbox to run programs in")

    async def run(self, program: Program) -> NoReturn:  # noqa: ARG002 - none is run
        """Raise `SandboxUnavailableError`."""
        await self.check()
