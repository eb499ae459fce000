"""Real vLLM servers on CPUs, from what `install.sh` makes; each is a group of processes that ends with its context."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import httpx2

from tests.bench.processes import free_port

if TYPE_CHECKING:
    from collections.abc import Generator

HOME = Path(__file__).parents[2] / ".vllm"
START_LIMIT_S = 240.0
END_LIMIT_S = 15.0

FLAGS = (
    *("--max-model-len", "4096", "--enforce-eager"),
    *("--enable-prefix-caching", "--enable-prompt-tokens-details"),
    *("--shutdown-timeout", "30"),
)
METRIC = re.compile(r"^vllm:(\w+)(?:\{[^}]*\})? (\S+)$", re.MULTILINE)
KINDS = {"generate": (), "reward": ("--runner", "pooling", "--convert", "classify")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Vllm:
    """A running server: its address, and the process whose group it is."""

    url: str
    pid: int

    def metrics(self) -> dict[str, float]:
        """Return its metrics, each summed over all labels, `vllm:` left out of their names."""
        text = httpx2.get(f"{self.url}/metrics", timeout=30).text
        found: dict[str, float] = {}
        for name, value in METRIC.findall(text):
            found[name] = found.get(name, 0.0) + float(value)
        return found

    def signal_all(self, number: signal.Signals) -> None:
        """Send a signal to all of its processes, as a machine that fails does."""
        os.killpg(self.pid, number)


@contextmanager
def vllm(kind: Literal["generate", "reward"], name: str, *flags: str) -> Generator[Vllm]:
    """Run a server whose model is called `name`; yields it as soon as it answers."""
    port = free_port()
    command = (
        *(str(HOME / "bin" / "python"), "-m", "vllm.entrypoints.openai.api_server"),
        *("--model", str(HOME / "weights" / kind), "--served-model-name", name),
        *("--host", "127.0.0.1", "--port", str(port)),
        *(*FLAGS, *KINDS[kind], *flags),
    )
    environment = {**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(  # noqa: S603 - the command is ours
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
        try:
            server = Vllm(url=f"http://127.0.0.1:{port}", pid=process.pid)
            if not _healthy(server, process):
                log.seek(0)
                raise RuntimeError(f"vLLM did not start: {log.read()[-3000:].decode(errors='replace')}")
            yield server
        finally:
            _end(process)


def _healthy(server: Vllm, process: subprocess.Popen[bytes]) -> bool:
    limit = time.monotonic() + START_LIMIT_S
    while time.monotonic() < limit and process.poll() is None:
        try:
            if httpx2.get(f"{server.url}/health", timeout=2).status_code == 200:
                return True
        except httpx2.TransportError:
            time.sleep(0.5)
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the whole group: an engine outlives an API server that was killed."""
    for number in (signal.SIGCONT, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
    process.wait(END_LIMIT_S)
