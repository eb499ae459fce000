"""The processes of a bench: each on a free loopback port, each ended with the bench."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

START_LIMIT_S = 30.0
END_LIMIT_S = 10.0

BARE = (sys.executable, "-m", "tests.bench.bare", "--port", "{port}", "--worker", "{upstream}")
GATEWAY = (
    str(Path(sys.executable).with_name("quorum")),
    *("serve", "--host", "127.0.0.1", "--port", "{port}", "--worker", "{upstream}"),
)


class StartError(RuntimeError):
    """A process of the bench didn't come up; the message ends in what it wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server: its name in the tables, its process and its port on 127.0.0.1."""

    name: str
    pid: int
    port: int

    @property
    def url(self) -> str:
        """The address, without a path."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def upstream(*arguments: str) -> Generator[Server]:
    """Run the scripted upstream with `arguments`."""
    port = free_port()
    command = (sys.executable, "-m", "tests.scripted", "--port", str(port), *arguments)
    with _running("upstream", command, port, "/health") as server:
        yield server


@contextmanager
def replay_worker(*arguments: str) -> Generator[Server]:
    """Run `quorum replay-worker` with `arguments`."""
    port = free_port()
    command = (sys.executable, "-m", "app.cli", "replay-worker", "--port", str(port), *arguments)
    with _running("replay worker", command, port, "/health") as server:
        yield server


@contextmanager
def front(
    name: str, template: Sequence[str], *workers: Server, environment: Mapping[str, str] | None = None
) -> Generator[Server]:
    """Run a server in front of workers. `{port}` and `{upstream}` are filled into its command `template`.

    All workers after the first are named by a `--worker` of their own; `environment` is added to the bench's own.
    """
    port = free_port()
    command = [part.format(port=port, upstream=workers[0].url) for part in template]
    command += [word for worker in workers[1:] for word in ("--worker", worker.url)]
    with _running(name, command, port, "/healthz", environment) as server:
        yield server


@contextmanager
def _running(
    name: str, command: Sequence[str], port: int, health: str, environment: Mapping[str, str] | None = None
) -> Generator[Server]:
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(  # noqa: S603 - the command is the bench's own or its caller's
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
        )
        try:
            server = Server(name=name, pid=process.pid, port=port)
            if not _healthy(f"{server.url}{health}", process):
                log.seek(0)
                raise StartError(f"{name} did not start: {log.read()[-2000:].decode(errors='replace')}")
            yield server
        finally:
            _end(process)


def _healthy(url: str, process: subprocess.Popen[bytes]) -> bool:
    """Return whether `url` answers 200 within the limit, while the process lives."""
    limit = time.monotonic() + START_LIMIT_S
    while time.monotonic() < limit and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1.0) as response:  # noqa: S310 - a loopback address of ours
                return bool(response.status == 200)
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.05)
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and whatever is left of its group."""
    process.terminate()
    try:
        process.wait(END_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # nothing was left


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
