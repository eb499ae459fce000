"""`quorum replay-worker` as people run it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from app.cli import main
from tests.replay.recorded import line, write

ROOT = Path(__file__).resolve().parents[3]


def test_it_serves_until_a_signal_comes(tmp_path: Path) -> None:
    file = write(tmp_path / "pool.jsonl.gz", line(("7", 10**9), name="long"), line(("7", 20), name="short"))
    command = [sys.executable, "-m", "app.cli", "replay-worker", str(file), "--port", "0", "--speedup", "100"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:  # noqa: S603
        assert process.stdout is not None
        told = process.stdout.readline()
        assert told.endswith("; 2 problems as model 'pool', 5000 tokens a second each\n")
        found = re.search(r"http://127\.0\.0\.1:\d+", told)
        assert found
        with httpx2.Client(base_url=found[0], timeout=30, transport=httpx2.HTTPTransport(retries=5)) as client:
            body = {"model": "pool", "messages": [{"role": "user", "content": "short"}]}
            assert client.post("/v1/chat/completions", json=body).json()["usage"]["completion_tokens"] == 20
            body = {"model": "pool", "messages": [{"role": "user", "content": "long"}], "stream": True}
            with client.stream("POST", "/v1/chat/completions", json=body) as response:
                assert response.status_code == 200
                process.send_signal(signal.SIGINT)
                assert "[DONE]" not in response.read().decode()
                _, err = process.communicate(timeout=30)
    assert process.returncode in {0, 130, -signal.SIGINT}
    assert err == ""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["none.jsonl"], "No such file"),
        (["."], "is a directory"),
        (["r.jsonl", "--host", "203.0.113.1"], "can't listen at 203.0.113.1"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(
    words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "r.jsonl", line(("1", 5)))
    monkeypatch.chdir(tmp_path)
    assert main(["replay-worker", *words]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "inf", "fast"])
def test_a_rate_that_is_none_is_a_usage_error(rate: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["replay-worker", "r.jsonl", f"--tokens-per-second={rate}"])
    assert "--tokens-per-second" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["-1", "99999", "many"])
def test_a_port_that_is_none_is_a_usage_error(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["replay-worker", "r.jsonl", f"--port={port}"])
    assert "is no port from 1 to 65535" in capsys.readouterr().err
