"""A real Redis on a free port of the loopback interface, which keeps nothing on disk."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

if TYPE_CHECKING:
    from collections.abc import Generator

BINARY = "redis-server"


class RedisServer:
    """A server that can be ended and started again at the same port; it has forgotten everything then."""

    def __init__(self, binary: str, port: int) -> None:
        self.url = f"redis://127.0.0.1:{port}/0"
        self.client = Redis(host="127.0.0.1", port=port, socket_timeout=10)
        self._command = (
            *(binary, "--bind", "127.0.0.1", "--port", str(port)),
            *("--save", "", "--appendonly", "no", "--daemonize", "no"),
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return once it answers."""
        self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)  # noqa: S603
        while not self._answers():
            assert self._process.poll() is None, "redis-server ended at once"

    def stop(self) -> None:
        """End it as a machine that fails does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Let it take connections and say nothing."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def forget(self) -> None:
        """Let it lose all that it knows."""
        self.client.flushall()  # pyright: ignore[reportUnknownMemberType] - redis' own

    def keys(self, pattern: str) -> list[str]:
        """Return the keys that there are."""
        found = cast("list[bytes]", self.client.keys(pattern))  # pyright: ignore[reportUnknownMemberType]
        return sorted(key.decode() for key in found)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())  # pyright: ignore[reportUnknownMemberType] - redis' own
        except RedisConnectionError:
            return False


@contextmanager
def redis_server_running() -> Generator[RedisServer]:
    """Run a server; where the machine has none, the test is skipped, and in CI it fails."""
    binary = shutil.which(BINARY)
    if binary is None:
        reason = "there is no redis-server here: make install, or sudo apt-get install redis-server"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    server = RedisServer(binary, free_port())
    server.start()
    try:
        yield server
    finally:
        server.stop()
        server.client.close()


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
