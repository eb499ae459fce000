"""A server that speaks SandboxFusion's `POST /run_code`, by a script.

async with Fusion(finished(stdout="42\\n")) as fusion:
    ...                        # send programs to fusion.url
    assert fusion.seen[0]["language"] == "python"
"""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def finished(*, code: int | None = 0, stdout: str = "", stderr: str = "", status: str = "Finished") -> bytes:
    """Return the answer for a program that ran."""
    result = {"status": status, "execution_time": 0.25, "return_code": code, "stdout": stdout, "stderr": stderr}
    return answered("Success" if code == 0 else "Failed", run_result=result)


def answered(status: str, **fields: object) -> bytes:
    """Return an answer of any status."""
    return json.dumps(
        {"status": status, "message": "", "compile_result": None, "executor_pod_name": None, "files": {}, **fields}
    ).encode()


def unisolated(request: dict[str, Any]) -> bytes:
    """Run a request's Python as the server does without isolation: beside its files, in the server's environment."""
    with tempfile.TemporaryDirectory() as name:
        code = Path(name, "tmpcode.py")
        for path, content in {**request["files"], code.name: base64.b64encode(request["code"].encode())}.items():
            Path(name, path).parent.mkdir(exist_ok=True)
            Path(name, path).write_bytes(base64.b64decode(content))
        command = [sys.executable, str(code)]
        stdin = (request["stdin"] or "").encode()
        ended = subprocess.run(command, cwd=name, input=stdin, capture_output=True, check=False)  # noqa: S603 - a test's
    return finished(code=ended.returncode, stdout=ended.stdout.decode(), stderr=ended.stderr.decode())


class Fusion:
    """The server; `body`, or what it makes of the request, and `pieces` are sent after `wait_s` seconds."""

    def __init__(
        self,
        body: bytes | Callable[[dict[str, Any]], bytes],
        *,
        status: int = 200,
        wait_s: float = 0.0,
        pieces: Iterable[bytes] = (),
    ) -> None:
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
            body = self.body if isinstance(self.body, bytes) else await asyncio.to_thread(self.body, self.seen[-1])
            for piece in (body, *self._pieces):
                writer.write(piece)
                await writer.drain()
        finally:
            self._at_once -= 1
