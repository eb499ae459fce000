"""The embedded worker: a real model on this machine, run and looked after by the gateway itself.

    async with EmbeddedWorker() as worker:
        ...  # OpenAI's API under worker.url, the model named worker.model

The model runs in a process of its own (`llama_server.py`), so that a crash of the engine costs the requests in flight
and not the gateway. What an engineer who sends requests there needs to know of llama.cpp's server:

- `n` choices decode in as many slots. A request waits until all of its slots are free at once, and smaller requests
  overtake it meanwhile; any mixture gets through, in no promised order. `n` over `parallel` is a 400.
- Choice i of `n` with seed S is the same as a request of its own with seed S + i.
- A streamed request of `n` choices with `stream_options.include_usage` carries one usage chunk a choice (with
  `choices: []`), right after the chunk with that choice's `finish_reason`. One chunk may hold several tokens.
- A closed stream frees its slots after one step of generation, but a prompt is read to its end first, and a queued
  request leaves the queue only when its turn comes.
- It takes 16 connections a slot; further ones get no answer at all, not even on `/health`, until one closes.
- A prompt over `context` is a 400 of type `exceed_context_size_error`; at the limit a completion ends by `length`, and
  without `max_tokens` that may be the only end.
- `tools` and `tool_choice`, `required` too, are ignored without a word for the built-in model, whose template has no
  place for tools; `response_format` with a JSON schema is obeyed. Unknown fields and model names are ignored.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

import aiohttp
import structlog

from app.errors import QuorumError
from app.workers.cpus import default_threads
from app.workers.model_file import checked_model, model_name

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from types import TracebackType

_LOG_LINES = 50
_LOG_CHUNK_BYTES = 1 << 16
_LOG_LINE_BYTES = 2000
_QUOTED_LINES = 8
_STOP_GRACE_S = 5.0
_FIRST_DELAY_S = 0.1
_LONGEST_DELAY_S = 30.0
_STEADY_AFTER_S = 60.0

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class EmbeddedWorkerError(QuorumError):
    """The embedded worker does not start; the message ends with the last lines that it logged."""


class EmbeddedWorker:
    """A llama.cpp server on the loopback interface, kept running from the entry of the context to its exit.

    `model_path` is a GGUF file, the built-in SmolLM2 by default. `parallel` choices are generated at once, each with
    `context` tokens for its prompt and completion together; `threads` compute (see `default_threads`).
    `start_timeout_s` bounds every start, the loading of the model included.

    On entry the server answers; `EmbeddedWorkerError` if it doesn't. When it dies it is started again, after a delay
    that doubles up to half a minute while it keeps dying, on the same port unless that was taken meanwhile: read
    `url` for every use. It never outlives this process, whatever ends that one. Enter and exit in the same task; the
    thread of the event loop has to live as long (the child is tied to it).
    """

    def __init__(
        self,
        *,
        model_path: Path | None = None,
        parallel: int = 8,
        context: int = 2048,
        threads: int | None = None,
        start_timeout_s: float = 60.0,
    ) -> None:
        self.model = model_name(model_path)
        self.url = ""
        self._path = model_path
        self._parallel = parallel
        self._context = context
        self._threads = threads or default_threads()
        self._start_timeout_s = start_timeout_s
        self._child: _Child | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._group = asyncio.TaskGroup()

    @property
    def pid(self) -> int | None:
        """The process that serves at the moment; `None` between a death and the next start, and outside the context."""
        child = self._child
        return child.process.pid if child is not None and child.process.returncode is None else None

    async def __aenter__(self) -> Self:
        self._path = await asyncio.to_thread(checked_model, self._path)
        await self._group.__aenter__()
        try:
            child = await self._start()
        except BaseException:  # nothing may be left open, whatever the reason
            await self._group.__aexit__(None, None, None)
            raise
        self._keeper = self._group.create_task(self._keep(child), name="embedded-worker")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await self._close(self._keeper)

    async def _close(self, keeper: asyncio.Task[None]) -> None:
        """Stop the child, whether the keeper waits for it, is starting another or never began; then leave the group."""
        try:
            await asyncio.wait({keeper})
        finally:
            if self._child is not None:
                await self._child.stop()
            await self._group.__aexit__(None, None, None)  # the body's own error passes by, not wrapped in a group

    async def _keep(self, child: _Child) -> None:
        """Start the server again whenever it ends, until cancelled."""
        delay_s = _FIRST_DELAY_S
        while True:
            began = time.monotonic()
            status = await child.ended()
            if time.monotonic() - began > _STEADY_AFTER_S:
                delay_s = _FIRST_DELAY_S
            _log.warning("embedded_worker_died", exit_status=status, restart_in_s=delay_s, log=list(child.log))
            child, delay_s = await self._restart(delay_s)
            _log.info("embedded_worker_restarted", url=self.url, pid=self.pid)

    async def _restart(self, delay_s: float) -> tuple[_Child, float]:
        """Start the server after the delay, again after longer ones until it answers; return it and the next delay."""
        while True:
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, _LONGEST_DELAY_S)
            try:
                return await self._start(), delay_s
            except (EmbeddedWorkerError, OSError) as error:  # OSError: no process can be made at the moment
                _log.warning("embedded_worker_start_failed", error=str(error), retry_in_s=delay_s)

    async def _start(self) -> _Child:
        """Start a child and return it once it answers; if it never does, none is left behind."""
        child = self._child = await _Child.spawn(self._command(), self._group)
        try:
            async with asyncio.timeout(self._start_timeout_s):
                self.url = await child.reported_url()
                await _check_health(self.url)
        except (TimeoutError, aiohttp.ClientError) as error:
            await child.stop()
            raise EmbeddedWorkerError(
                f"The embedded worker did not answer within {self._start_timeout_s:g} s.{child.last_words()}"
            ) from error
        except BaseException:  # a cancelled start leaves no process behind either
            await child.stop()
            raise
        return child

    def _command(self) -> list[str]:
        """Return the command line of the child.

        The file itself is named rather than `-m app...`, and `-P` keeps the current directory off the module path:
        a user's own `app` package there must not be taken for ours.
        """
        options = {
            "model": self._path,
            "alias": self.model,
            "port": self.url.rpartition(":")[2] or 0,
            "parallel": self._parallel,
            "context": self._context,
            "threads": self._threads,
            "parent": os.getpid(),
        }
        script = Path(__file__).with_name("llama_server.py")
        return [sys.executable, "-P", str(script), *(f"--{name}={value}" for name, value in options.items())]


class _Child:
    """One run of the server's process, and the last lines that it logged."""

    def __init__(self, process: Process, group: asyncio.TaskGroup) -> None:
        self.process = process
        self.log: deque[str] = deque(maxlen=_LOG_LINES)
        self._reading = group.create_task(self._read_log(), name="embedded-worker-log")

    @classmethod
    async def spawn(cls, command: list[str], group: asyncio.TaskGroup) -> Self:
        """Start the process, out of reach of the terminal's signals; `group` runs the task that reads its log."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
        )
        return cls(process, group)

    async def reported_url(self) -> str:
        """Wait until the process says where it listens; `EmbeddedWorkerError` if it ends before."""
        assert self.process.stdout is not None  # noqa: S101 - a pipe was asked for
        line = await self.process.stdout.readline()
        if not line:
            status = await self.ended()
            raise EmbeddedWorkerError(f"The embedded worker ended with status {status}.{self.last_words()}")
        return str(json.loads(line)["url"])

    async def ended(self) -> int:
        """Wait for the process's end and all of its log; return its exit status, negative for a signal."""
        status = await self.process.wait()
        await asyncio.wait({self._reading})
        return status

    async def stop(self) -> None:
        """End the process, by force if it won't, and wait until it is gone."""
        if self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.terminate()
            await self._gone_or_killed()
        await self.ended()

    async def _gone_or_killed(self) -> None:
        """Wait for the end, but not for long; a cancelled wait kills at once."""
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_STOP_GRACE_S):
                    await self.process.wait()
        finally:
            if self.process.returncode is None:
                with suppress(ProcessLookupError):
                    self.process.kill()

    def last_words(self) -> str:
        """Return the end of the log as the tail of an error's message, empty if nothing was logged."""
        lines = list(self.log)[-_QUOTED_LINES:]
        return "\n".join(["", "Its last words:", *lines]) if lines else ""

    async def _read_log(self) -> None:
        """Keep the pipe empty, so that the process never waits for it, and the last lines at hand."""
        assert self.process.stderr is not None  # noqa: S101 - a pipe was asked for
        rest = b""
        while chunk := await self.process.stderr.read(_LOG_CHUNK_BYTES):
            *lines, rest = (rest[-_LOG_CHUNK_BYTES:] + chunk).split(b"\n")
            self._keep(lines)
        self._keep([rest] if rest else [])

    def _keep(self, lines: list[bytes]) -> None:
        """Remember the lines, each cut to a bounded length."""
        for line in lines:
            text = line[:_LOG_LINE_BYTES].decode(errors="replace")
            self.log.append(text)
            _log.debug("embedded_worker_log", line=text)


async def _check_health(url: str) -> None:
    """Return if the server calls itself healthy; `aiohttp.ClientError` if not."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/health") as response:
        response.raise_for_status()
