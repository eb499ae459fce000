"""The processes of a chaos run: workers that can be killed and frozen, and the gateway before them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from contextlib import asynccontextmanager
from typing import IO, TYPE_CHECKING

import aiohttp
import msgspec

from tests.bench.processes import StartError, free_port
from tests.chaos.worker import Unwanted

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from pathlib import Path

    from tests.chaos.worker import Mood

START_LIMIT_S = 30.0
END_LIMIT_S = 40.0
PATIENCE_S = 30.0
"""Seconds that a worker may take to answer the run's own questions; it may be frozen."""


class Server:
    """A server on a port of 127.0.0.1, which it has for as long as it is started and ended."""

    def __init__(self, module: str, *arguments: str, port: int, health: str, log: IO[bytes]) -> None:
        self.port = port
        self._command = (sys.executable, "-m", module, *arguments)
        self._health = health
        self._log = log
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """The address, without a path."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it; return when it is healthy. Raises `StartError`."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("QUORUM_")}
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdin=DEVNULL, stdout=self._log, stderr=self._log, env=environment
        )
        try:
            async with asyncio.timeout(START_LIMIT_S):
                while not await self._healthy():  # noqa: ASYNC110 - it can only be asked
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise StartError(f"{self._command[2]} did not start; its log says why") from None

    async def end(self) -> None:
        """End it in order, or, where that takes too long, at once."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            async with asyncio.timeout(END_LIMIT_S):
                await self._process.wait()
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """Kill it, frozen or not."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self._process is not None:
            self._process.send_signal(number)

    async def get(self, path: str, patience_s: float = PATIENCE_S) -> bytes:
        """Fetch a page. Raises aiohttp's errors, and `TimeoutError`."""
        timeout = aiohttp.ClientTimeout(total=patience_s)
        async with (
            aiohttp.ClientSession(timeout=timeout, raise_for_status=True) as session,
            session.get(self.url + path) as response,
        ):
            return await response.read()

    async def _healthy(self) -> bool:
        if self._process is not None and self._process.returncode is not None:
            raise StartError(f"{self._command[2]} ended at its start; its log says why")
        try:
            await self.get(self._health, 1.0)
        except (aiohttp.ClientError, TimeoutError):
            return False
        return True


class Worker(Server):
    """A worker that does as it is told; its books outlive its process."""

    def __init__(self, *, seed: int, log: IO[bytes]) -> None:
        port = free_port()
        super().__init__(
            "tests.chaos.worker", "--port", str(port), "--seed", str(seed), port=port, health="/health", log=log
        )
        self._before = Unwanted()

    async def die(self) -> None:
        """Kill it without warning."""
        self._before = await self.unwanted()
        await self.kill()

    async def freeze(self) -> None:
        """Stop it in the middle of whatever it does; its connections stay open."""
        self.signal(signal.SIGSTOP)

    async def thaw(self) -> None:
        """Let it go on."""
        self.signal(signal.SIGCONT)

    async def be(self, mood: Mood) -> None:
        """Let it behave so."""
        await self.get(f"/chaos/mood?is={mood}")

    async def left(self, question: int) -> None:
        """Tell it that a client has left. One that is dead needs not know."""
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            await self.get(f"/chaos/left?question={question}")

    async def unwanted(self) -> Unwanted:
        """Return what it has generated for clients that had left."""
        now = msgspec.json.decode(await self.get("/chaos/unwanted"), type=Unwanted)
        return Unwanted(self._before.tokens + now.tokens, self._before.beyond + now.beyond)


@asynccontextmanager
async def started(servers: Sequence[Server]) -> AsyncGenerator[None]:
    """Run servers for as long as the context lasts."""
    try:
        async with asyncio.TaskGroup() as group:
            for server in servers:
                group.create_task(server.start())
        yield
    finally:
        for server in servers:
            await (server.kill() if isinstance(server, Worker) else server.end())


def gateway(workers: Sequence[Worker], config: Path, settings: str, log: IO[bytes]) -> Server:
    """Return the gateway before the workers, which are called w0, w1 and so on; `config` becomes its configuration."""
    port = free_port()
    urls = ", ".join(f'"{worker.url}"' for worker in workers)
    config.write_text(f"port = {port}\nworkers = [{urls}]\n{settings}", encoding="utf-8")
    return Server("app.cli", "serve", "--config", str(config), port=port, health="/readyz", log=log)
