"""What verifying programs costs: a sandbox's start, a hundred programs over HTTP, and the server's pace meanwhile."""

from __future__ import annotations

import asyncio
import http.client
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, cast

import httpx2

from app.sandbox.base import Program
from app.sandbox.bubblewrap import Bubblewrap
from tests.bench.figures import percentile
from tests.bench.processes import GATEWAY, Server, front
from tests.bench.report import table
from tests.scripted.hosted import hosted
from tests.scripted.reply import Reply
from tests.scripted.scripts import by_seed
from tests.scripted.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

MODEL = "scripted"
REQUESTS, WIDTH, TESTS = 4, 25, 3
POLL_S = 0.005
LIMIT_S = 300.0

WORDING = """\
**Verifying programs.** A start is a whole run of `/bin/true` in the sandbox, one after the other. The programs come as
the candidates of {requests} requests of `parallel-{width}` at once, each with {tests} hidden tests, through a whole
gateway; `/healthz` is asked every {poll:g} ms over one connection as long as they run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifying:
    """What was measured: milliseconds of each start and each look at `/healthz`, and seconds for all programs."""

    starts_ms: tuple[float, ...]
    programs: int
    passed: int
    elapsed_s: float
    healthz_ms: tuple[float, ...]

    @property
    def right(self) -> int:
        """How many of the programs are: every second one."""
        return (self.programs + 1) // 2

    def markdown(self) -> str:
        """Return the table, with what is wanted."""
        rows = (
            ("a sandbox's start, median", f"{median(self.starts_ms):.1f} ms", "< 15 ms"),
            ("a sandbox's start, p99", f"{percentile(self.starts_ms, 0.99):.1f} ms", ""),
            (f"{self.programs} programs x {TESTS} tests", f"{self.elapsed_s:.1f} s", "< 20 s"),
            ("`/healthz` meanwhile, p50", f"{percentile(self.healthz_ms, 0.5):.1f} ms", ""),
            ("`/healthz` meanwhile, p99", f"{percentile(self.healthz_ms, 0.99):.1f} ms", "< 50 ms"),
            ("`/healthz` meanwhile, longest", f"{max(self.healthz_ms):.1f} ms", ""),
            ("programs that passed, where every second is right", str(self.passed), str(self.right)),
        )
        text = WORDING.format(requests=REQUESTS, width=WIDTH, tests=TESTS, poll=POLL_S * 1_000)
        return f"{text}\n\n{table(('figure', 'measured', 'wanted'), rows)}\n"


def measure_verifying(say: Callable[[str], None], *, starts: int = 300, requests: int = REQUESTS) -> Verifying:
    """Take all the measurements."""
    say("starting sandboxes")
    starts_ms = asyncio.run(_starts(starts))
    say(f"verifying {requests * WIDTH} programs")
    with _gateway() as url, _watched(url) as latencies_ms:
        begun = time.perf_counter()
        passed = asyncio.run(_verified(url, requests))
        elapsed_s = time.perf_counter() - begun
    return Verifying(
        starts_ms=starts_ms,
        programs=requests * WIDTH,
        passed=passed,
        elapsed_s=elapsed_s,
        healthz_ms=tuple(latencies_ms),
    )


async def _starts(count: int) -> tuple[float, ...]:
    sandbox = Bubblewrap(slots=1)
    await sandbox.check()
    found: list[float] = []
    for _ in range(count):
        begun = time.perf_counter()
        await sandbox.run(Program(command=["/bin/true"]))
        found.append((time.perf_counter() - begun) * 1_000)
    return tuple(found)


@contextmanager
def _gateway() -> Generator[str]:
    """Run a gateway before a worker whose candidates are programs, half of them right."""
    replies = [
        Reply(texts=(f"```python\ndef total(numbers):\n    # {number}\n    return sum(numbers) + {number % 2}\n```",))
        for number in range(WIDTH * 2)
    ]
    with hosted(Upstream(by_seed(*replies), models=(MODEL,))) as worker:
        port = int(worker.url.rpartition(":")[2])
        with front("gateway", GATEWAY, Server(name="upstream", pid=0, port=port)) as gateway:
            yield gateway.url


@contextmanager
def _watched(url: str) -> Generator[list[float]]:
    """Ask `/healthz` again and again while the context lasts; yields the latencies in ms."""
    found: list[float] = []
    ended = threading.Event()

    def watch() -> None:
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=LIMIT_S)
        while not ended.wait(POLL_S):
            begun = time.perf_counter()
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            found.append((time.perf_counter() - begun) * 1_000)
        connection.close()

    thread = threading.Thread(target=watch, name="healthz")
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


async def _verified(url: str, requests: int) -> int:
    """Send the requests, all at once; return how many candidates passed."""
    hidden = [{"args": [list(range(size))], "expected": sum(range(size))} for size in range(TESTS)]
    verifier = {"type": "tests", "entry_point": "total", "hidden": hidden}
    strategy = {"type": "parallel", "n": WIDTH, "stop": "none", "verifiers": [verifier]}
    async with httpx2.AsyncClient(base_url=url, timeout=LIMIT_S) as client, asyncio.TaskGroup() as group:
        sent = [group.create_task(_asked(client, strategy, seed * WIDTH)) for seed in range(requests)]
    return sum(task.result() for task in sent)


async def _asked(client: httpx2.AsyncClient, strategy: Mapping[str, object], seed: int) -> int:
    messages = [{"role": "user", "content": "Write total(numbers)."}]
    body = {"model": MODEL, "messages": messages, "strategy": strategy, "seed": seed}
    response = await client.post("/v1/chat/completions", json=body)
    response.raise_for_status()
    rows = cast("list[dict[str, dict[str, object]]]", response.json()["quorum"]["candidates"])
    return sum(row["verdict"]["status"] == "pass" for row in rows)
