"""A server of several processes, as people start it, for tests to talk to."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from tests.scripted.hosted import hosted
from tests.scripted.reply import Reply
from tests.scripted.scripts import always
from tests.scripted.upstream import Upstream
from tests.stage import MODEL, QUESTION

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from concurrent.futures import Future

    from tests.scripted.hosted import Hosted

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 60.0


class Served:
    """A running `quorum serve`, and the requests that are sent to it: each over a connection of its own."""

    def __init__(self, process: subprocess.Popen[str], url: str, shared: Path) -> None:
        self.process = process
        self.url = url
        self.shared = shared
        self.threads = ThreadPoolExecutor(16)

    def get(self, path: str) -> httpx2.Response:
        return httpx2.get(f"{self.url}{path}", timeout=PATIENCE_S)

    def ask(self, **fields: object) -> httpx2.Response:
        return httpx2.post(f"{self.url}/v1/chat/completions", json={**QUESTION, **fields}, timeout=PATIENCE_S)

    def begin(self, count: int) -> list[Future[httpx2.Response]]:
        """Send requests without waiting for their answers."""
        return [self.threads.submit(self.ask) for _ in range(count)]

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's series with these labels."""
        families = text_string_to_metric_families(self.get("/metrics").text)
        samples = [sample for family in families for sample in family.samples if sample.name == name]
        return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())

    def children(self) -> list[int]:
        """Return the processes that serve, and no other."""
        below = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii")
        return [int(pid) for pid in below.split() if "spawn_main" in command_line(pid)]

    def until_all_serve(self) -> None:
        until(lambda: self.metric("quorum_processes") == 2 and self.get("/readyz").status_code == 200)


@contextmanager
def served(*arguments: str, tmp_path: Path, **environment: str) -> Generator[Served]:
    """Run `quorum serve` in two processes; their shared directory is in `tmp_path`."""
    command = [sys.executable, "-m", "app.cli", "serve", "--port", "0", "--processes", "2", *arguments]
    env = {**os.environ, "TMPDIR": str(tmp_path), **environment}
    with subprocess.Popen(  # noqa: S603 - our own command
        command, stdout=subprocess.PIPE, text=True, env=env, cwd=ROOT, start_new_session=True
    ) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://\S+", process.stdout.readline())
            assert found
            running = Served(process, found[0], tmp_path)
            yield running
        finally:
            process.kill()


@contextmanager
def staged(tmp_path: Path, reply: Reply | None = None, **environment: str) -> Generator[tuple[Served, Hosted]]:
    """Have two processes serve before a scripted worker."""
    with (
        hosted(Upstream(always(reply or Reply()), models=(MODEL,))) as worker,
        served("--worker", worker.url, tmp_path=tmp_path, **environment) as running,
    ):
        running.until_all_serve()
        yield running, worker


def command_line(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def alive(pid: int) -> bool:
    """Whether there is a process that isn't merely waiting to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def descendants(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text(encoding="ascii").split()):
            yield child
            yield from descendants(child)


def until(holds: Callable[[], bool]) -> None:
    """Wait until it holds."""
    limit = time.monotonic() + PATIENCE_S
    while True:
        try:
            if holds():
                return
        except httpx2.TransportError:
            pass
        assert time.monotonic() < limit, "it has not come to be so in time"
        time.sleep(0.1)


@contextmanager
def frozen(pid: int) -> Generator[None]:
    """Have a process stand still, so that all that comes meanwhile goes to the other one."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
