"""`quorum serve` as a process of its own, which can be sent signals."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2

from tests.stage import QUESTION

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

ROOT = Path(__file__).resolve().parents[1]
QUORUM = (sys.executable, "-m", "app.cli")


class Told:
    """A running server, and what it logs."""

    def __init__(self, process: Process, url: str) -> None:
        self.process = process
        self.client = httpx2.AsyncClient(base_url=url, timeout=60)

    async def ask(self, **fields: object) -> httpx2.Response:
        """Send a request and return the answer to it."""
        return await self.client.post("/v1/chat/completions", json={**QUESTION, **fields})

    async def until(self, status: int | None) -> None:
        """Wait until `/readyz` answers with this status; None: until nothing listens any more."""
        while True:
            try:
                async with httpx2.AsyncClient(timeout=10) as another:
                    found = (await another.get(self.client.base_url.join("/readyz"))).status_code
            except httpx2.TransportError:
                found = None
            if found == status:
                return
            await asyncio.sleep(0.05)

    async def logged(self, word: str) -> bool:
        """Return whether a line with this word is logged before the server ends; what stood before it is gone."""
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            if word in line.decode():
                return True
        return False

    async def ended(self) -> str:
        """Wait for the end and return the log."""
        _, log = await self.process.communicate()
        return log.decode()


@asynccontextmanager
async def serving(*flags: str, directory: Path = ROOT, **environment: str) -> AsyncGenerator[Told]:
    """Run `quorum serve` with these flags, as a process of its own, that can serve."""
    async with starting(*flags, directory=directory, **environment) as told:
        await told.until(200)
        yield told


@asynccontextmanager
async def starting(*flags: str, directory: Path = ROOT, **environment: str) -> AsyncGenerator[Told]:
    """Run `quorum serve`, in `directory`, that has just said where it will answer."""
    command = [*QUORUM, "serve", "--port", "0", *flags]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=PIPE, stderr=PIPE, cwd=directory, env={**os.environ, "PYTHONPATH": str(ROOT), **environment}
    )
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+", (await process.stdout.readline()).decode())
        assert found
        told = Told(process, found[0])
        async with told.client:
            yield told
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
