"""The command as people start it: as a process of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest

from app.cli import main

if TYPE_CHECKING:
    from collections.abc import Generator

QUORUM = str(Path(sys.executable).with_name("quorum"))


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command that ends by itself."""
    return subprocess.run(  # noqa: S603 - our own command
        [QUORUM, *arguments], capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **environment}
    )


@contextmanager
def serving(*arguments: str) -> Generator[tuple[subprocess.Popen[str], str]]:
    """Run `quorum serve` on a free port; yields the process and its URL once it answers."""
    command = [QUORUM, "serve", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:  # noqa: S603
        try:
            assert process.stdout is not None
            found = re.search(r"http://\S+", process.stdout.readline())
            assert found
            transport = httpx2.HTTPTransport(retries=5)
            with httpx2.Client(transport=transport, timeout=60) as client:
                assert client.get(f"{found[0]}/healthz").status_code == 200
            yield process, found[0]
        finally:
            process.kill()


def descendants(pid: int) -> list[int]:
    """Return the processes below `pid`."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [one for child in map(int, listed) for one in (child, *descendants(child))]


def alive(pid: int) -> bool:
    """Whether there is a process that isn't merely waiting to be buried."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_version_prints_the_version() -> None:
    done = run("version")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", done.stdout)


def test_help_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    told = capsys.readouterr().out
    assert all(command in told for command in ("serve", "demo", "version", "worker"))


@pytest.mark.parametrize(
    ("arguments", "environment", "told"),
    [
        (("--host", "0.0.0.0"), {}, "set api_keys"),  # noqa: S104 - that it is refused is the point
        (("--config", "nowhere.toml"), {}, "nowhere.toml"),
        (("--host", "h\u00f6..t", "--insecure"), {}, "it is no name of a host"),
        (("--worker", "not a url"), {}, "workers.0"),
        ((), {"QUORUM_CONFIG": "absent.toml"}, "absent.toml, which QUORUM_CONFIG names"),
        ((), {"QUORUM_WORKER": "http://x"}, "QUORUM_WORKER: no such setting"),
        ((), {"QUORUM_PRESETS": '{"parallel-3": "single"}'}, "is no strategy's own"),
        ((), {"QUORUM_PRESETS": '{"wide": "parallel-500"}'}, "limits.max_candidates is 64"),
        ((), {"QUORUM_PORT": "many"}, "port"),
        ((), {"QUORUM_DEFAULT_STRATEGY": "quick"}, "parallel-N"),
        ((), {"QUORUM_PRESETS": '{"x": {"type": "parallel", "n": 0}}'}, "preset x"),
        ((), {"QUORUM_LIMITS__MAX_CANDIDATES": "0"}, "limits.max_candidates"),
        ((), {"QUORUM_LIMITS": "{"}, "limits"),
    ],
)
def test_a_configuration_that_is_wrong_is_told_in_one_line(
    arguments: tuple[str, ...],
    environment: dict[str, str],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("QUORUM_CONFIG", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main(["serve", *arguments]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


def test_a_configuration_file_with_an_unknown_key_or_no_toml_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("QUORUM_CONFIG", raising=False)
    for text, told in (("colour = 'red'", "colour"), ("[[[", "quorum.toml")):
        file = tmp_path / "quorum.toml"
        file.write_text(text, encoding="utf-8")
        assert main(["serve", "--config", str(file)]) == 2
        error = capsys.readouterr().err
        assert told in error
        assert "Traceback" not in error


def test_a_port_that_is_taken_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "--port", str(port), "--worker", "http://127.0.0.1:9"]) == 2
    assert str(port) in capsys.readouterr().err


def test_a_model_that_does_not_exist_ends_the_start_with_its_name() -> None:
    done = run("serve", "--port", "0", "--model", "nothing.gguf")
    assert done.returncode == 3
    assert "nothing.gguf" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_the_server_takes_its_children_with_it(end: signal.Signals) -> None:
    with serving() as (process, url):
        assert httpx2.get(f"{url}/readyz", timeout=60).status_code == 200
        below = descendants(process.pid)
        assert below
        process.send_signal(end)
        process.wait(timeout=30)
        for pid in below:
            os_wait_until_gone(pid)


@pytest.mark.slow
@pytest.mark.parametrize(("end", "status"), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 130)])
def test_its_status_tells_by_which_signal_it_ended(end: signal.Signals, status: int) -> None:
    with serving("--worker", "http://127.0.0.1:9") as (process, _):
        process.send_signal(end)
        assert process.wait(timeout=30) == status


def os_wait_until_gone(pid: int) -> None:
    """Return once the process has ended; pytest's time-out ends the waiting."""
    while alive(pid):
        os.sched_yield()


@pytest.mark.slow
def test_a_worker_that_cannot_be_reached_leaves_a_server_that_says_so() -> None:
    with serving("--worker", "http://127.0.0.1:9") as (_, url):
        assert httpx2.get(f"{url}/healthz").status_code == 200
        answer = httpx2.get(f"{url}/readyz")
        assert answer.status_code == 503
        assert "w0" in answer.json()["error"]["message"]
