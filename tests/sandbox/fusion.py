"""A server that speaks SandboxFusion's `POST /run_code`, by a script.

async with Fusion(finished(stdout="42\\n")) as fusion:
    ...                        # send programs to fusion.url
    assert fusion.seen[0]["language"] == "python"
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterable


def finished(*, code: int | None = 0, stdout: str = "", stderr: str = "", status: str = "Finished") -> bytes:
    """Return the answer for a program that ran."""
    result = {"status": status, "execution_time": 0.25, "return_code": code, "stdout": stdout, "stderr": stderr}
    return answered("Success" if code == 0 else "Failed", run_result=result)


def answered(status: str, **fields: object) -> bytes:
    """Return an answer of any status."""
    return json.dumps(
        {"status": status, "message": "", "compile_result": None, "executor_pod_name": None, "files": {}, **fields}
    ).encode()


class Fusion:
    """The server; `body` is sent in `pieces`, after `wait_s` seconds, with `status`."""

    def __init__(self, body: bytes, *, status: int = 200, wait_s: float = 0.0, pieces: Iterable[bytes] = ()) -> None:
        self.body = body
        self.seen: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.url = ""
        self.most_at_once = 0
        self._status = status
        self._wait_s = wait_s
        self._pieces = pieces
        self._at_once = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**24)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = next(line for line in head.splitlines() if line.lower().startswith("content-length")).split()[1]
            self.paths.append(head.split()[1])
            self.seen.append(json.loads(await reader.readexactly(int(length))))
            await self._answer(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter) -> None:
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await asyncio.sleep(self._wait_s)
            writer.write(f"HTTP/1.1 {self._status} Whatever\r\nConnection: close\r\n\r\n".encode())
            for piece in (self.body, *self._pieces):
                writer.write(piece)
                await writer.drain()
        finally:
            self._at_once -= 1
