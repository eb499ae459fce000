"""Programs run by a SandboxFusion server (github.com/bytedance/SandboxFusion), by its `POST /run_code`.

How well programs are isolated is that server's to say. Every program is sent as Python, whose code (`starter.py`)
bounds its memory and becomes the program; the server bounds time, but neither processes nor output. Of output it reads
128 KiB at least; what lies beyond can be lost without a word, and a program that goes on printing ends at its time
limit. Output that isn't UTF-8 comes as `[DecodeError]` and a reason.
"""

from __future__ import annotations

import asyncio
import base64
import time
from contextlib import asynccontextmanager
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

import httpx2
import msgspec

from app.errors import SandboxDownError, SandboxError, SandboxUnavailableError
from app.sandbox.base import PYTHON, Ended, Limits, Program
from app.sandbox.ceilings import Ceilings
from app.sandbox.proof import Proof
from app.sandbox.slots import Slots

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

_CONNECT_S = 5.0
_GRACE_S = 10.0
"""What an answer may take beyond the program's own time."""

_MOST_BYTES = 16 * 2**20
"""Of an answer: 1 MiB of either output, every byte of it escaped, and some more."""

_WHOLE_OUTPUT_BYTES = 128 * 2**10
"""The server's reader holds as much of either output before it stops reading: twice asyncio's limit of 64 KiB."""

_SIGNALS = range(129, 193)
_HELLO = Program(command=[PYTHON, "-c", "print(6 * 7)"], limits=Limits(wall_s=20.0))


class _Result(msgspec.Struct):
    status: Literal["Finished", "TimeLimitExceeded", "Error"]
    return_code: int | None = None
    stdout: str | None = None
    stderr: str | None = None
    execution_time: float | None = None


class _Answer(msgspec.Struct):
    status: Literal["Success", "Failed", "SandboxError"]
    message: str = ""
    run_result: _Result | None = None


class Remote:
    """Runs programs on the server at `url`, at most `slots` at a time; `max_waiting` more may wait."""

    def __init__(
        self, url: str, *, slots: int = 16, max_waiting: int = 8_192, ceilings: Ceilings | None = None
    ) -> None:
        self._url = url.rstrip("/")
        self._slots = Slots(slots, max_waiting=max_waiting)
        self._ceilings = msgspec.structs.replace(ceilings or Ceilings(), output_bytes=_WHOLE_OUTPUT_BYTES)
        self._proof = Proof(self._prove)
        self._client = httpx2.AsyncClient(
            timeout=httpx2.Timeout(None, connect=_CONNECT_S),
            limits=httpx2.Limits(max_connections=slots),
            verify=self._url.startswith("https:"),  # reading the certificates takes a while; redirects aren't followed
        )

    @property
    def ceilings(self) -> Limits:
        """The most that a program gets, in seconds, MiB and bytes."""
        return self._ceilings.limits

    @property
    def running(self) -> int:
        """How many programs run now."""
        return self._slots.running

    @property
    def waiting(self) -> int:
        """How many programs wait for their turn."""
        return self._slots.waiting

    @asynccontextmanager
    async def connected(self) -> AsyncGenerator[Remote]:
        """Close the connections at the end."""
        async with self._client:
            yield self

    async def check(self) -> None:
        """Run a small program there, once."""
        await self._proof.hold()

    async def run(self, program: Program) -> Ended:
        """Run a program there. Cancelling it closes the connection; the server ends the program at its time limit."""
        limits = self._ceilings.lowered(program.limits)
        request = msgspec.json.encode(_request(program, limits))
        async with self._slots.one():
            began = time.monotonic()
            answer = await self._answer(request, limits.wall_s + _GRACE_S)
        return _ended(answer, limits, time.monotonic() - began)

    async def _prove(self) -> None:
        try:
            ended = await self.run(_HELLO)
        except SandboxUnavailableError:
            raise
        except SandboxError as error:
            raise SandboxUnavailableError(f"The remote sandbox does not work: {error.message}") from error
        if ended.stdout != b"42\n":
            said = (ended.stderr or ended.stdout).decode(errors="replace")[:200]
            raise SandboxUnavailableError(f"The remote sandbox can't run a line of Python: {said!r}.")

    async def _answer(self, request: bytes, limit_s: float) -> _Answer:
        try:
            async with asyncio.timeout(limit_s):
                return _understood(*await self._exchange(request))
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise SandboxDownError(
                f"The remote sandbox (sandbox.url) can't be reached: {error or type(error).__name__}", retry_after_s=5
            ) from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise SandboxError(f"The remote sandbox broke off: {error or type(error).__name__}.") from error
        except TimeoutError as error:
            raise SandboxError(f"The remote sandbox did not answer within {limit_s:g} s.") from error

    async def _exchange(self, request: bytes) -> tuple[int, bytes]:
        """Return status and body of the answer."""
        body = bytearray()
        headers = {"Content-Type": "application/json"}
        async with self._client.stream("POST", f"{self._url}/run_code", content=request, headers=headers) as response:
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _MOST_BYTES:
                    raise SandboxError(f"The remote sandbox answered with more than {_MOST_BYTES} bytes.")
            return response.status_code, bytes(body)


def _request(program: Program, limits: Limits) -> dict[str, object]:
    if not program.command:
        raise SandboxError("A program without a command can't be run.")
    return {
        "language": "python",
        "code": f"{_starter()}\n\nstart({list(program.command)!a}, {limits.memory_mb * 2**20})\n",
        "files": {name: base64.b64encode(content).decode() for name, content in program.files.items()},
        "stdin": _text(program.stdin, "standard input") if program.stdin else None,
        "run_timeout": limits.wall_s,
    }


@cache
def _starter() -> str:
    """Return the code that starts a program there."""
    return files(__package__ or "").joinpath("starter.py").read_text(encoding="ascii")


def _text(content: bytes, what: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise SandboxError(f"The remote sandbox takes only UTF-8 text as {what}.") from error


def _understood(status: int, body: bytes) -> _Answer:
    if status != HTTPStatus.OK:
        raise SandboxError(
            f"The remote sandbox answered with status {status}: {body[:200].decode(errors='replace')!r}."
        )
    try:
        return msgspec.json.decode(body, type=_Answer)
    except msgspec.MsgspecError as error:
        raise SandboxError(f"The remote sandbox's answer can't be read: {error}.") from error


def _ended(answer: _Answer, limits: Limits, took_s: float) -> Ended:
    """Return how the program ended; raises `SandboxError` where the server says that it was its own failure."""
    result = answer.run_result
    if answer.status == "SandboxError" or result is None or result.status == "Error":
        raise SandboxError(f"The remote sandbox failed: {_reason(answer.message)}.")
    stdout, stderr = ((text or "").encode() for text in (result.stdout, result.stderr))
    how, code = _how(result)
    if max(len(stdout), len(stderr)) > limits.output_bytes:
        how, code = "too_much_output", None
    return Ended(
        how=how,
        code=code,
        stdout=stdout[: limits.output_bytes],
        stderr=stderr[: limits.output_bytes],
        seconds=took_s if result.execution_time is None else result.execution_time,
    )


def _reason(message: str) -> str:
    """Return why the server failed: what it says behind the code that it was sent."""
    return message.strip().rpartition("\n")[2].lstrip(": ")[:500] or "it does not say why"


def _how(result: _Result) -> tuple[Literal["exited", "killed", "timed_out", "too_much_output"], int | None]:
    """Return how and with which status a program ended; a signal is a negative status, or a shell's beyond 128."""
    if result.status == "TimeLimitExceeded":
        return "timed_out", None
    code = result.return_code
    if code is None or code < 0 or code in _SIGNALS:
        return "killed", None
    return "exited", code
