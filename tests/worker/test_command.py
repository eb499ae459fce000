"""`quorum worker` as people start it, and as it starts vLLM."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import httpx2
import msgspec
import pytest
from structlog.testing import capture_logs

from app.cli import main
from app.worker.command import PREFIX_VARIABLE, REDIS_VARIABLE, look_for_redis, run_worker
from tests.redis_server import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from app.worker.plan import Plan
    from tests.redis_server import RedisServer

    MakePlan = Callable[..., Plan]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (REDIS_VARIABLE, PREFIX_VARIABLE):
        monkeypatch.delenv(name, raising=False)


@contextmanager
def worker(python: Path, *arguments: str, **environment: str) -> Generator[tuple[subprocess.Popen[str], str]]:
    """Run the command over the fake vLLM; yields the process and vLLM's address."""
    port = free_port()
    command = [sys.executable, "-m", "app.cli", "worker", "m", "--python", str(python), "--port", str(port)]
    pipe = subprocess.PIPE
    with subprocess.Popen(  # noqa: S603 - our own command
        [*command, *arguments], cwd=ROOT, stdout=pipe, stderr=pipe, text=True, env={**os.environ, **environment}
    ) as process:
        try:
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def pids_of(url: str) -> list[int]:
    """Return the fake's processes, once it answers."""
    while True:
        try:
            return httpx2.get(f"{url}/fake/pids").json()
        except httpx2.TransportError:
            os.sched_yield()


def until(holds: Callable[[], object]) -> None:
    """Return once something holds; pytest's time-out ends the waiting."""
    while not holds():
        os.sched_yield()


def alive(pid: int) -> bool:
    """Whether there is a process that isn't merely waiting to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def entry(server: RedisServer, url: str, prefix: str = "quorum") -> dict[str, object] | None:
    """Return what Redis has of the worker at `url`."""
    value = cast("bytes | None", server.client.get(f"{prefix}:worker:{url}"))
    return None if value is None else msgspec.json.decode(value)


def test_without_redis_it_says_what_to_start_the_gateway_with_and_hands_vllms_output_on(python: Path) -> None:
    with worker(python, "--", "--max-model-len", "9") as (process, url):
        assert process.stdout
        told = process.stdout.readline()
        assert told.startswith("fake vLLM: -m vllm.entrypoints.openai.api_server --model m")
        assert told.rstrip().endswith("--max-model-len 9")
        assert process.stdout.readline() == f"fake can be served now: quorum serve --worker {url}\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0


def test_with_redis_it_registers_and_takes_itself_back(python: Path, redis_server: RedisServer) -> None:
    options = ("--name", "n", "--limit", "3", "--label", "zone=a", "--label", "gpu=h100")
    with worker(python, *options, QUORUM_REDIS_URL=redis_server.url, QUORUM_REDIS_PREFIX="p") as (process, url):
        until(lambda: entry(redis_server, url, "p"))
        found = entry(redis_server, url, "p")
        assert found
        assert (found["url"], found["name"], found["limit"]) == (url, "n", 3)
        assert (found["labels"], found["models"]) == ({"zone": "a", "gpu": "h100"}, ["fake"])
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0
        assert entry(redis_server, url, "p") is None


@pytest.mark.slow
def test_a_command_that_is_killed_takes_vllm_with_it_and_its_lease_ends(
    python: Path, redis_server: RedisServer
) -> None:
    with worker(python, "--redis", redis_server.url, "--", "--shutdown-timeout", "0") as (process, url):
        pids = pids_of(url)
        until(lambda: entry(redis_server, url))
        process.kill()
        until(lambda: not any(map(alive, pids)))
        until(lambda: entry(redis_server, url) is None)


def test_its_status_is_that_of_a_vllm_that_died(make_plan: MakePlan, redis_server: RedisServer) -> None:
    plan = make_plan()

    def kill() -> None:
        until(lambda: entry(redis_server, plan.own_url))
        with pytest.raises(httpx2.TransportError):
            httpx2.post(f"{plan.own_url}/fake/die")

    killing = threading.Thread(target=kill)
    killing.start()
    try:
        assert run_worker(plan, redis_server.url) == 7
    finally:
        killing.join()
    assert entry(redis_server, plan.own_url) is None


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--redis", "http://:hidden@a"), "no address of a Redis"),
        (("--redis", "redis://127.0.0.1:9", "--host", "0.0.0.0"), "--advertise"),  # noqa: S104 - what is refused
        (("--advertise", "http://me:hidden@a"), "user or password"),
        (("--redis", "redis://:hidden@127.0.0.1:port"), "no address of a Redis"),
        (("--advertise", "gpu1:80"), "--advertise: an address of a worker is http://HOST:PORT"),
        (("--host", "gpu 1"), "--host: an address of a worker has no"),
        (("--host", "999.1.1.1"), "--host: the host of a worker's address is an IP address, or a name"),
        (("--host", "999.1.1.1", "--advertise", "http://gpu1:80"), "--host: the host of a worker's address is an IP"),
        (("--host", "nohost.invalid"), "--host nohost.invalid has no address: "),
        (("--", "--host", "nohost.invalid"), "--host nohost.invalid has no address: "),
        (("--name", "two words"), "--name must be 1 to 64"),
        (("--limit", "0"), "--limit must be at least 1, not 0"),
        (("--label", "zone="), "--label: a worker's labels have 1 to 64 characters"),
        (("--", "--uds", "x"), "--uds"),
        (("--python", "nowhere/python"), "No such file"),
    ],
)
def test_what_can_not_be_is_told_before_a_model_is_loaded(
    python: Path, arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["worker", "m", "--python", str(python), "--port", str(free_port()), *arguments]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert told in error
    assert "hidden" not in error


def test_a_prefix_that_no_gateway_would_read_is_told(
    python: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(PREFIX_VARIABLE, "a b")
    assert main(["worker", "m", "--python", str(python), "--port", "9", "--redis", "redis://127.0.0.1:9"]) == 2
    assert "quorum: QUORUM_REDIS_PREFIX must be" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(("--port", "0"), "'0' is no port from 1"), (("--label", "zone"), "'zone' is not KEY=VALUE")],
)
def test_options_are_told_what_they_must_be(
    arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["worker", "m", *arguments])
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [("--port", "0"), ("--port", "x"), ("--label", "zone"), ()])
def test_options_that_make_no_sense_are_a_usage_error(arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["worker", *(("m", *arguments) if arguments else ())])


def test_a_port_that_somebody_serves_at_is_told(python: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["worker", "m", "--python", str(python), "--port", port]) == 2
    assert f"port {port} is taken" in capsys.readouterr().err


def test_a_redis_that_does_not_answer_is_told_before_vllm_starts() -> None:
    with capture_logs() as logs:
        asyncio.run(look_for_redis(f"redis://:hidden@127.0.0.1:{free_port()}"))
    assert [entry["event"] for entry in logs] == ["Redis doesn't answer"]
    assert "hidden" not in str(logs)


def test_a_redis_that_answers_is_nothing_to_tell(redis_server: RedisServer) -> None:
    with capture_logs() as logs:
        asyncio.run(look_for_redis(redis_server.url))
    assert not logs
