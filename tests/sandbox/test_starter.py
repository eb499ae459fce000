"""What a program meets on a server that runs what it is sent, in its own environment and without isolation."""

from __future__ import annotations

import pytest
import uvloop

from app.sandbox.base import PYTHON, Ended, Limits, Program
from app.sandbox.remote import Remote
from tests.sandbox.fusion import Fusion, unisolated
from tests.sandbox.programs import SECRET, python


def ran(program: Program) -> Ended:
    async def main() -> Ended:
        async with Fusion(unisolated) as fusion, Remote(fusion.url).connected() as remote:
            return await remote.run(program)

    return uvloop.run(main())


def printed(code: str, **files: bytes) -> str:
    ended = ran(python(code, files=files))
    assert (ended.code, ended.stderr) == (0, b"")
    return ended.stdout.decode()


def test_python_runs_isolated_under_its_own_name() -> None:
    code = "import sys; print(sys.argv, sys.flags.isolated, sys.flags.no_site, sys.dont_write_bytecode)"
    assert printed(code) == "['main.py'] 1 1 True\n"


def test_a_program_finds_its_files_and_no_other() -> None:
    found = "print(sorted(os.listdir()), open('data.txt').read())"
    assert printed(f"import os; {found}", **{"data.txt": b"x"}) == "['data.txt', 'main.py'] x\n"


def test_a_file_can_be_executed() -> None:
    program = Program(command=["./bin/run"], files={"bin/run": b"#!/bin/sh\ncat\nexit 3\n"}, stdin=b"through")
    ended = ran(program)
    assert (ended.how, ended.code, ended.stdout) == ("exited", 3, b"through")


@pytest.mark.parametrize(
    ("command", "code", "told"),
    [("nosuch", 127, b"nosuch: No such file"), ("./data", 126, b"./data: Exec format error")],
)
def test_what_is_not_there_or_no_program_ends_as_in_a_shell(command: str, code: int, told: bytes) -> None:
    ended = ran(Program(command=[command], files={"data": b"\0"}))
    assert (ended.how, ended.code) == ("exited", code)
    assert ended.stderr.startswith(told)


def test_the_servers_environment_stays_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUORUM_API_KEYS", SECRET)
    assert printed("import os; print(sorted(os.environ))") == "['HOME', 'LANG', 'PATH']\n"


def test_memory_beyond_the_limit_is_refused() -> None:
    program = python("x = bytearray(400 * 2**20)", limits=Limits(memory_mb=256))
    ended = ran(program)
    assert ended.code == 1
    assert b"MemoryError" in ended.stderr


def test_threads_start_within_the_memory() -> None:
    code = "import threading; t = threading.Thread(target=print, args=['in a thread']); t.start(); t.join()"
    assert printed(code) == "in a thread\n"


def test_a_broken_pipe_ends_a_program_as_usual() -> None:
    ended = ran(Program(command=["sh", "-c", "yes | head -n 1"]))
    assert (ended.stdout, ended.stderr) == (b"y\n", b"")  # and no complaint of `yes`


def test_a_signal_is_told_from_an_exit() -> None:
    assert ran(Program(command=[PYTHON, "-c", "import os; os.abort()"])).how == "killed"
