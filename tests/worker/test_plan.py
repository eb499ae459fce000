from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.worker.flags import value_of
from app.worker.plan import SHUTDOWN_TIMEOUT_S, Plan, UnusablePlanError
from app.workers.discovery.base import Announced

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[2]
PYTHON = Path("/opt/vllm/bin/python")


def plan(*flags: str, host: str = "127.0.0.1", advertise: str | None = None) -> Plan:
    return Plan(model="m", python=PYTHON, host=host, advertise=advertise, flags=flags)


def test_the_interpreter_that_is_named_runs_vllms_server() -> None:
    command = plan().command
    assert command[:5] == [str(PYTHON), "-m", "vllm.entrypoints.openai.api_server", "--model", "m"]
    assert (value_of("--host", command), value_of("--port", command)) == ("127.0.0.1", "8001")


def test_the_command_vllm_is_taken_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = tmp_path / "vllm"
    command.write_text("#!/bin/sh\n", encoding="utf-8")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Plan(model="m").command[:3] == [str(command), "serve", "m"]


def test_vllm_beside_us_is_taken_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vllm.py").touch()
    monkeypatch.setenv("PATH", "")
    monkeypatch.syspath_prepend(tmp_path)  # pyright: ignore[reportUnknownMemberType] - pytest's own
    assert Plan(model="m").command[0] == sys.executable


def test_without_any_vllm_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UnusablePlanError, match="--python"):
        Plan(model="m").check()


def test_flags_of_the_users_own_come_last_where_they_win() -> None:
    assert plan("--no-enable-prefix-caching").command[-1] == "--no-enable-prefix-caching"


def test_the_script_for_containers_has_the_same_flags() -> None:
    script = (ROOT / "deploy" / "vllm" / "start.sh").read_text(encoding="utf-8")
    written = set(re.findall(r"^    (--[a-z-]+)", script, re.MULTILINE))
    assert written == {flag for flag in plan().command if flag.startswith("--")}
    assert f"--shutdown-timeout {SHUTDOWN_TIMEOUT_S} " in script


@pytest.mark.parametrize(
    ("flags", "url"),
    [
        ((), "http://127.0.0.1:8001"),
        (("--port", "9"), "http://127.0.0.1:9"),
        (("--port=9", "--host=10.0.0.1"), "http://10.0.0.1:9"),
        (("--host", "::1"), "http://[::1]:8001"),
        (("--host", "0.0.0.0"), "http://127.0.0.1:8001"),  # noqa: S104 - what is told apart
    ],
)
def test_the_server_is_asked_where_it_really_listens(flags: Sequence[str], url: str) -> None:
    assert plan(*flags).own_url == url


def test_gateways_are_told_the_address_for_them() -> None:
    chosen = Plan(model="m", python=PYTHON, advertise="http://gpu1:80", name="n", labels={"k": "v"}, limit=3)
    assert chosen.announced == Announced(url="http://gpu1:80", name="n", labels={"k": "v"}, limit=3)
    assert plan().announced.url == "http://127.0.0.1:8001"


@pytest.mark.parametrize(
    ("chosen", "local"),
    [
        (plan(), True),
        (plan(host="localhost"), True),
        (plan(host="10.0.0.1"), False),
        (plan(host="gpu1"), False),
        (plan(advertise="http://gpu1:80"), False),
    ],
)
def test_an_address_that_only_this_machine_reaches_is_known_as_such(*, chosen: Plan, local: bool) -> None:
    assert chosen.only_local == local


@pytest.mark.parametrize(
    ("flags", "seconds"),
    [((), SHUTDOWN_TIMEOUT_S), (("--shutdown-timeout", "5"), 5), (("--shutdown_timeout=5", "--shutdown-timeout=6"), 6)],
)
def test_vllm_has_the_time_to_end_that_it_was_given(flags: Sequence[str], seconds: int) -> None:
    assert plan(*flags).shutdown_timeout_s == seconds


@pytest.mark.parametrize(
    "flags", [("--ssl-keyfile", "x"), ("--uds=x",), ("--port", "many"), ("--shutdown_timeout=-1",)]
)
def test_flags_that_would_hide_the_worker_are_refused(flags: Sequence[str]) -> None:
    with pytest.raises(UnusablePlanError, match=flags[0].partition("=")[0].replace("_", "-")):
        plan(*flags).check()


def test_a_flag_without_its_value_has_none() -> None:
    assert value_of("--port", ("--port",)) is None
