from __future__ import annotations

import asyncio
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
import uvloop

from app.sandbox.bubblewrap import Bubblewrap
from tests.sandbox.programs import SECRET, Run, python

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.sandbox.base import Ended, Limits, Program

ROOT = Path(__file__).resolve().parents[2]


class Host:
    """The process of `tests.sandbox.host`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def run(self, program: Program) -> Ended:
        """Run a program there."""
        assert self._process.stdin
        assert self._process.stdout
        pickle.dump(program, self._process.stdin)
        self._process.stdin.flush()
        return pickle.load(self._process.stdout)  # noqa: S301 - from the process that was started here


@pytest.fixture(scope="session")
def host() -> Iterator[Host]:
    """A process of a user who isn't root, and runs programs in sandboxes."""
    if os.geteuid() == 0 and not Path("/usr/bin/python3").exists():
        pytest.skip("no Python that a user other than root can reach")
    pipe = subprocess.PIPE
    command = [sys.executable, "-m", "tests.sandbox.host"]
    env = {**os.environ, "QUORUM_API_KEYS": SECRET}
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, env=env) as process:  # noqa: S603 - a file of ours
        yield Host(process)


class Here:
    """A sandbox in this process, checked once."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._sandbox = Bubblewrap(slots=1)

    def run(self, program: Program) -> Ended:
        """Run a program in it."""
        return self._runner.run(self._sandbox.run(program))


@pytest.fixture(scope="session")
def here() -> Iterator[Here]:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        yield Here(runner)


@pytest.fixture(params=["as this user", "as another user"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run Python in a sandbox: as the user that runs the tests, and, if that is root, as another too."""
    if request.param == "as this user":
        runs = cast("Here", request.getfixturevalue("here")).run
    elif os.geteuid() == 0:
        runs = cast("Host", request.getfixturevalue("host")).run
    else:
        pytest.skip("the tests don't run as root, so that this user is another already")

    def run_code(code: str, *, limits: Limits | None = None, stdin: bytes = b"") -> Ended:
        return runs(python(code, limits=limits, stdin=stdin))

    return run_code
