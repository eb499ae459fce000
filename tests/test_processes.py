"""One server in several processes, as people start it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx2
import pytest

from tests.scripted.hosted import hosted
from tests.scripted.reply import Reply
from tests.scripted.scripts import always
from tests.scripted.upstream import Upstream
from tests.served import PATIENCE_S, ROOT, Served, alive, descendants, frozen, served, staged, until
from tests.stage import MODEL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.redis_server import RedisServer
    from tests.scripted.hosted import Hosted

pytestmark = pytest.mark.slow

SLOW = Reply(texts=("word " * 60,), delay_per_chunk_s=0.05)
ENDLESS = Reply(texts=("word " * 6_000,), delay_per_chunk_s=0.05)
BAD_PRESET = {"QUORUM_PRESETS": '{"wide": "parallel-500"}'}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Hosted]]:
    """Two processes before a scripted worker, for tests that end with two of them again."""
    with staged(tmp_path_factory.mktemp("pair")) as running:
        yield running


def test_requests_are_spread_over_the_processes_and_whoever_is_asked_answers_for_all(
    pair: tuple[Served, Hosted],
) -> None:
    running, _ = pair
    sent: list[str] = []

    def both_have_served() -> bool:
        sent.extend(request.result().json()["quorum"]["run_id"] for request in running.begin(16))
        return all(running.metric("quorum_process_requests_total", process=number) for number in "01")

    until(both_have_served)
    assert running.metric("quorum_requests_total", outcome="ok") == len(sent)
    assert running.metric("quorum_worker_up") == 1
    for pid in running.children():
        with frozen(pid):
            own = [run_id for run_id in sent[-64:] if running.get(f"/v1/runs/{run_id}").status_code == 200]
            assert len(own) < len(sent[-64:])
    assert all(running.get(f"/v1/runs/{run_id}").status_code == 200 for run_id in sent[-64:])
    assert running.get("/v1/runs/run_none").status_code == 404


def test_a_process_that_is_killed_costs_its_own_requests_only_and_is_replaced(pair: tuple[Served, Hosted]) -> None:
    running, worker = pair
    worker.upstream.script = always(SLOW)
    one, other = running.children()
    with frozen(other):
        lost = running.begin(3)
        worker.wait_until(lambda upstream: upstream.in_flight == 3)
    with frozen(one):
        kept = running.begin(3)
        worker.wait_until(lambda upstream: upstream.in_flight == 6)
    os.kill(one, signal.SIGKILL)
    assert [request.result().status_code for request in kept] == [200] * 3
    assert all(isinstance(request.exception(), httpx2.TransportError) for request in lost)
    until(lambda: len(running.children()) == 2 and one not in running.children())
    running.until_all_serve()
    worker.upstream.script = always(Reply())
    assert running.ask().status_code == 200


def test_counts_outlive_the_process_that_counted(pair: tuple[Served, Hosted]) -> None:
    running, _ = pair
    one, other = running.children()
    before = running.metric("quorum_requests_total", outcome="ok")
    with frozen(other):
        assert [request.result().status_code for request in running.begin(3)] == [200] * 3
    assert running.metric("quorum_requests_total", outcome="ok") == before + 3
    with frozen(one):
        assert running.metric("quorum_processes_missing") == 1
        assert running.metric("quorum_requests_total", outcome="ok") == before + 3
    os.kill(one, signal.SIGKILL)
    until(lambda: one not in running.children())
    running.until_all_serve()
    assert running.metric("quorum_requests_total", outcome="ok") == before + 3
    assert running.metric("quorum_processes_missing") == 0


def test_counts_outlive_processes_that_end_in_the_same_moment(pair: tuple[Served, Hosted]) -> None:
    running, _ = pair
    before = running.children()
    for pid in before:
        with frozen(pid):
            assert [request.result().status_code for request in running.begin(2)] == [200] * 2
    counted = running.metric("quorum_requests_total", outcome="ok")
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    until(lambda: len(running.children()) == 2 and not set(before) & set(running.children()))
    running.until_all_serve()
    assert running.metric("quorum_requests_total", outcome="ok") == counted


@pytest.mark.parametrize("by_terminal", [False, True])
def test_told_once_it_lets_requests_end_and_ends_with_all_its_processes(*, by_terminal: bool, tmp_path: Path) -> None:
    with staged(tmp_path, SLOW) as (running, worker):
        below = list(descendants(running.process.pid))
        requests = running.begin(4)
        worker.wait_until(lambda upstream: upstream.in_flight == 4)
        if by_terminal:
            os.killpg(running.process.pid, signal.SIGINT)
        else:
            running.process.terminate()
        assert [request.result().status_code for request in requests] == [200] * 4
        assert running.process.wait(timeout=PATIENCE_S) == 0
        until(lambda: not any(map(alive, below)))
        assert not list(running.shared.iterdir())


def test_told_twice_it_ends_at_once_and_each_client_is_told(tmp_path: Path) -> None:
    with staged(tmp_path, ENDLESS) as (running, worker):
        requests = running.begin(4)
        worker.wait_until(lambda upstream: upstream.in_flight == 4)
        running.process.terminate()
        until(lambda: not listens(running.url))
        running.process.terminate()
        assert {request.result().json()["error"]["code"] for request in requests} == {"unavailable"}
        assert running.process.wait(timeout=PATIENCE_S) == 0


def listens(url: str) -> bool:
    try:
        httpx2.get(f"{url}/healthz", timeout=PATIENCE_S)
    except httpx2.ConnectError:
        return False
    except httpx2.TransportError:
        return True
    return True


def test_a_parent_that_is_killed_leaves_nobody_and_nothing(tmp_path: Path) -> None:
    with served(tmp_path=tmp_path) as running:  # with the embedded model
        running.until_all_serve()
        assert running.ask(model="smollm2-135m-instruct", max_tokens=4, strategy="parallel-8").status_code == 200
        below = list(descendants(running.process.pid))
        assert len(below) >= 3
        running.process.kill()
        running.process.wait()
        until(lambda: not any(map(alive, below)))
        assert not list(tmp_path.glob("quorum-*"))


@pytest.mark.parametrize(
    ("arguments", "environment", "told"),
    [
        (("--model", "nothing.gguf"), {}, "nothing.gguf"),
        (("--worker", "http://127.0.0.1:9"), BAD_PRESET, "preset wide"),
        (("--worker", "http://127.0.0.1:9"), {"QUORUM_ADMISSION__MAX_IN_FLIGHT": "1"}, "raise it to 2, or have fewer"),
    ],
)
def test_what_cannot_start_ends_with_the_reason(
    arguments: tuple[str, ...], environment: dict[str, str], told: str
) -> None:
    command = [sys.executable, "-m", "app.cli", "serve", "--port", "0", "--processes", "2", *arguments]
    env = {**os.environ, **environment}
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=ROOT, timeout=60, check=False)  # noqa: S603
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("broken", [None, "workers = [", "presets = {wide = 'parallel-500'}"])
def test_a_process_is_replaced_where_the_configuration_can_not_be_used_any_more(
    broken: str | None, tmp_path: Path
) -> None:
    file = tmp_path / "quorum.toml"
    with hosted(Upstream(always(Reply()), models=(MODEL,))) as worker:
        file.write_text(f'workers = ["{worker.url}"]\naliases = {{mine = "{MODEL}"}}\n', encoding="utf-8")
        with served("--config", str(file), tmp_path=tmp_path) as running:
            running.until_all_serve()
            if broken is None:
                file.unlink()
            else:
                file.write_text(broken, encoding="utf-8")
            before = running.children()
            for pid in before:
                os.kill(pid, signal.SIGKILL)
            until(lambda: len(running.children()) == 2 and not set(before) & set(running.children()))
            running.until_all_serve()
            assert running.ask(model="mine").status_code == 200


def test_requests_go_on_when_redis_ends(tmp_path: Path, redis_server: RedisServer) -> None:
    with staged(tmp_path, QUORUM_REDIS_URL=redis_server.url) as (running, _):
        assert running.metric("quorum_redis_up", use="load") == 1
        run_id = running.ask().json()["quorum"]["run_id"]
        until(lambda: bool(redis_server.keys("quorum:runs")))
        assert len(redis_server.keys("quorum:load:*")) == 2
        redis_server.stop()
        assert [request.result().status_code for request in running.begin(8)] == [200] * 8
        until(lambda: running.metric("quorum_redis_up", use="load") == 0)
        assert [request.result().status_code for request in running.begin(8)] == [200] * 8
        assert running.get(f"/v1/runs/{run_id}").status_code == 200
        redis_server.start()
        until(lambda: running.metric("quorum_redis_up", use="load") == 1)
