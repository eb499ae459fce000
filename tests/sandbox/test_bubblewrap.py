from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
import textwrap
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uvloop

from app.errors import SandboxBusyError, SandboxError, SandboxUnavailableError
from app.sandbox.base import PYTHON, Limits, Program
from app.sandbox.bubblewrap import Bubblewrap
from app.sandbox.ceilings import Ceilings
from tests.sandbox.programs import living, python, ran
from tests.tools import descriptors_left

if TYPE_CHECKING:
    from collections.abc import Callable

SLEEP = Program(command=["sleep", "60"])


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - nothing announces a stranger's process
            await asyncio.sleep(0.01)


def test_a_program_ends_with_its_status_and_both_outputs() -> None:
    ended = ran(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"))
    assert (ended.how, ended.code, ended.stdout, ended.stderr) == ("exited", 3, b"out\n", b"err\n")
    assert 0 < ended.seconds < 10


def test_both_event_loops_will_do() -> None:
    assert asyncio.run(Bubblewrap(slots=1).run(python("print(1)"))).stdout == b"1\n"


def test_a_program_reads_what_it_is_given_and_then_the_end() -> None:
    text = b"x" * 1_000_000 + b"\n"
    assert ran(Program(command=["wc", "-c"], stdin=text)).stdout == b"1000001\n"
    assert ran(Program(command=["cat"])).stdout == b""


def test_a_program_finds_its_files_and_nothing_else_where_it_starts() -> None:
    files = {"a.txt": b"A", "data/deep/b.bin": b"\0\xff", "empty": b""}
    ended = ran(Program(command=["sh", "-c", "find . -type f | sort; cat data/deep/b.bin; pwd"], files=files))
    assert ended.stdout == b"./a.txt\n./data/deep/b.bin\n./empty\n\0\xff/tmp/box\n"


def test_a_program_can_change_its_files_and_execute_them() -> None:
    files = {"run.sh": b"#!/bin/sh\nrm data/old && echo new >data/new && cat data/new\n", "data/old": b""}
    assert ran(Program(command=["./run.sh"], files=files)).stdout == b"new\n"


def test_programs_see_nothing_of_each_other() -> None:
    async def main() -> None:
        sandbox = Bubblewrap(slots=1)
        await sandbox.run(Program(command=["sh", "-c", "touch left ../left"]))
        assert (await sandbox.run(Program(command=["find", ".."]))).stdout == b"..\n../box\n"

    uvloop.run(main())


def test_python_is_isolated_and_has_no_third_party_packages() -> None:
    code = "import sys; print(sys.flags.isolated, sys.flags.no_site, any('site-packages' in p for p in sys.path))"
    assert ran(Program(command=[PYTHON, "-c", code])).stdout == b"1 1 False\n"


@pytest.mark.parametrize("number", [6, 9, 11, 15])
def test_a_signal_is_told_from_an_exit(number: int) -> None:
    ended = ran(python(f"import os; os.kill(os.getpid(), {number})"))
    assert (ended.how, ended.code) == ("killed", None)


@pytest.mark.parametrize("code", [0, 1, 126, 127, 128, 200, 255])
def test_every_other_status_is_an_exit(code: int) -> None:
    assert ran(Program(command=["sh", "-c", f"exit {code}"])).code == code


def test_a_program_that_talks_like_bubblewrap_is_not_taken_for_it() -> None:
    ended = ran(Program(command=["sh", "-c", "echo 'bwrap: Creating new namespace failed' >&2; exit 1"]))
    assert (ended.how, ended.code) == ("exited", 1)


@pytest.mark.parametrize(("printed", "how"), [(1000, "exited"), (1001, "too_much_output")])
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_the_limit_of_output_is_exact(stream: str, printed: int, how: str) -> None:
    ended = ran(python(f"import sys; sys.{stream}.write('x' * {printed})", limits=Limits(output_bytes=1000)))
    assert ended.how == how
    assert (len(ended.stdout), len(ended.stderr)) == ((1000, 0) if stream == "stdout" else (0, 1000))


def test_much_output_within_the_limit_is_complete() -> None:
    ended = ran(python("print('x' * 3_000_000, end='')", limits=Limits(output_bytes=3_000_000)))
    assert (ended.how, len(ended.stdout)) == ("exited", 3_000_000)


@pytest.mark.parametrize(
    "command", [["no-such-command"], ["/usr/bin/no-such"], ["./missing"], ["/etc/shadow"], [], [""]]
)
def test_a_command_that_is_not_there_is_the_sandboxs_failure_and_named(command: list[str]) -> None:
    with pytest.raises(SandboxError, match="no command") as caught:
        ran(Program(command=command))
    assert (command or [""])[0] in caught.value.message


def test_a_command_that_cannot_be_executed_exits_as_in_a_shell() -> None:
    ended = ran(Program(command=["./script"], files={"script": b"#!/no/such/interpreter\n"}))
    assert (ended.how, ended.code) == ("exited", 127)


@pytest.mark.parametrize("name", ["", "/x", "../x", "a/../../x", "a/", "nul\0"])
def test_a_file_cannot_be_placed_elsewhere(name: str) -> None:
    with pytest.raises(SandboxError, match="no name"):
        ran(Program(command=["true"], files={name: b""}))


def test_more_files_than_fit_are_refused() -> None:
    with pytest.raises(SandboxError, match="larger than"):
        ran(Program(command=["true"], files={"large": bytes(40 * 2**20)}))
    with pytest.raises(SandboxError, match="too many files"):
        ran(Program(command=["true"], files={f"{number:0200}": b"" for number in range(300)}))


def test_a_hundred_programs_take_turns_in_two_slots_and_leave_nothing() -> None:
    most = 0

    async def main() -> None:
        nonlocal most
        sandbox = Bubblewrap(slots=2)
        before = descriptors()

        async def one(number: int) -> bytes:
            nonlocal most
            ended = await sandbox.run(Program(command=["echo", str(number)]))
            most = max(most, sandbox.running)
            return ended.stdout

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(number)) for number in range(100)]
        assert [task.result() for task in tasks] == [b"%d\n" % number for number in range(100)]
        assert (sandbox.running, sandbox.waiting) == (0, 0)
        assert descriptors() <= before  # fewer where what other tests left has been collected meanwhile

    uvloop.run(main())
    assert most <= 2


def test_too_many_waiting_are_refused() -> None:
    async def main() -> None:
        sandbox = Bubblewrap(slots=1, max_waiting=1)
        await sandbox.check()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(sandbox.run(SLEEP)) for _ in range(2)]
            await until(lambda: (sandbox.running, sandbox.waiting) == (1, 1))
            with pytest.raises(SandboxBusyError) as caught:
                await sandbox.run(SLEEP)
            assert (caught.value.status, caught.value.code) == (503, "overloaded")
            for task in tasks:
                task.cancel()

    uvloop.run(main())


@pytest.mark.parametrize("after_s", [0.0, 0.001, 0.003, 0.01, 0.1])
def test_cancelling_kills_at_once_and_leaves_nothing(after_s: float) -> None:
    mark = uuid.uuid4().hex

    async def main() -> None:
        sandbox = Bubblewrap(slots=1)
        await sandbox.check()
        before = descriptors()
        task = asyncio.create_task(sandbox.run(Program(command=[PYTHON, "-c", "import time; time.sleep(60)", mark])))
        await asyncio.sleep(after_s)
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - began < 1
        assert sandbox.running == 0
        assert descriptors() <= before
        assert (await sandbox.run(Program(command=["true"]))).code == 0

    uvloop.run(main())
    assert not living(mark)


def test_a_second_cancellation_does_not_interrupt_the_clearing_up() -> None:
    async def main() -> None:
        sandbox = Bubblewrap(slots=1)
        await sandbox.check()
        before = descriptors()
        task = asyncio.create_task(sandbox.run(SLEEP))
        await asyncio.sleep(0.05)
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert sandbox.running == 0
        assert descriptors() <= before

    uvloop.run(main())


def test_a_server_that_is_killed_takes_its_programs_with_it() -> None:
    mark = uuid.uuid4().hex
    code = f"""
    import asyncio
    from app.sandbox.base import PYTHON, Program
    from app.sandbox.bubblewrap import Bubblewrap
    command = [PYTHON, "-c", "import time; print('up', flush=True); time.sleep(60)", {mark!r}]
    asyncio.run(Bubblewrap(slots=1).run(Program(command=command)))
    """
    server = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)])  # noqa: S603 - code of ours

    def inside() -> list[str]:
        return [line for line in living(mark) if "asyncio" not in line]

    async def main() -> None:
        await until(lambda: len(inside()) >= 2)
        server.kill()
        server.wait()
        await until(lambda: not living(mark))

    uvloop.run(main())


def test_limits_beyond_the_ceilings_are_lowered() -> None:
    sandbox = Bubblewrap(slots=1, ceilings=Ceilings(wall_s=0.5, memory_mb=64))
    assert (sandbox.ceilings.wall_s, sandbox.ceilings.memory_mb) == (0.5, 64)
    code = "import resource, time; print(resource.getrlimit(resource.RLIMIT_DATA)[0] >> 20, flush=True); time.sleep(9)"
    ended = ran(python(code, limits=Limits(wall_s=100.0, memory_mb=10_000)), sandbox)
    assert (ended.how, ended.stdout) == ("timed_out", b"64\n")


def test_paths_that_are_to_be_shown_can_be_read_and_not_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "library").write_text("shown")
    (tmp_path / "library").chmod(0o666)
    code = f"path = {str(tmp_path / 'library')!r}\nprint(open(path).read())\nopen(path, 'w')"
    ended = ran(python(code), Bubblewrap(slots=1, read_only=(tmp_path,)))
    assert ended.stdout == b"shown\n"
    assert b"Read-only file system" in ended.stderr or b"Permission denied" in ended.stderr


def test_another_python_can_be_given() -> None:
    if not Path("/usr/bin/python3").exists():
        pytest.skip("there is only one Python here")
    sandbox = Bubblewrap(slots=1, python=Path("/usr/bin/python3"))
    assert ran(python("import sys; print(sys.executable)"), sandbox).stdout == b"/usr/bin/python3\n"


def test_without_bubblewrap_nothing_runs_and_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxUnavailableError, match="apt-get install bubblewrap") as caught:
        ran(Program(command=["true"]))
    assert "sandbox.url" in caught.value.message


BROKEN = {
    "bwrap: Creating new namespace failed: Operation not permitted": "namespaces are not allowed here",
    "bwrap: setting up uid map: Permission denied": "user namespaces are not allowed here",
    "bwrap: Can't mount proc on /newroot/proc: Operation not permitted": "masks parts of /proc",
    "bwrap: Unknown option --disable-userns": "0.8 or newer",
    "bwrap: Failed to make / slave: Operation not permitted": "lacks rights",
    "bwrap: Something new": "docs/sandbox.md",
}


def fake_bwrap(folder: Path, script: str) -> None:
    (folder / "bwrap").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "bwrap").chmod(0o755)


@pytest.mark.parametrize(("said", "told"), BROKEN.items())
def test_a_bubblewrap_that_fails_is_explained(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str, told: str
) -> None:
    fake_bwrap(tmp_path, f"cat >&2 <<'END'\n{said}\nEND\nexit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(SandboxUnavailableError, match=told):
        uvloop.run(Bubblewrap(slots=1).check())


@pytest.mark.parametrize("script", ["exit 0", "kill -9 $$", "echo out of memory >&2; exit 1"])
def test_a_bubblewrap_that_ends_otherwise_before_the_program_begins_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str
) -> None:
    fake_bwrap(tmp_path, script)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(SandboxError, match="before its program had begun"):
        ran(Program(command=["true"]))


def test_a_bubblewrap_that_isolates_nothing_is_found_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It takes its options in, says that all went well, and runs the command as it is."""
    script = """
    options=$(cat /dev/fd/$2 | tr '\\0' '\\n')
    status=$(echo "$options" | sed -n 2p)
    while [ "$1" != "--" ]; do shift; done
    while [ "${1%python3*}" = "$1" ]; do shift; done
    "$@"
    echo "{\\"exit-code\\": $?}" >/dev/fd/$status
    """
    fake_bwrap(tmp_path, script)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(SandboxUnavailableError, match="does not isolate programs here"):
        uvloop.run(Bubblewrap(slots=1).check())


def test_the_machines_own_files_and_processes_never_count_as_the_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.sandbox.process._WATCH_S", 0.0005)  # so that it looks while the sandbox is being set up
    for _ in range(5):
        assert ran(Program(command=["true"])).code == 0


def test_no_descriptors_left_is_a_failure_that_passes() -> None:
    async def main() -> None:
        sandbox = Bubblewrap(slots=1)
        await sandbox.check()
        with descriptors_left(4), pytest.raises(SandboxError, match=os.strerror(errno.EMFILE)):
            await sandbox.run(Program(command=["true"]))
        assert (await sandbox.run(Program(command=["true"]))).code == 0
        assert sandbox.running == 0

    uvloop.run(main())


def test_a_start_takes_a_few_milliseconds() -> None:
    async def main() -> float:
        sandbox = Bubblewrap(slots=1)
        await sandbox.check()
        return min([(await sandbox.run(Program(command=["true"]))).seconds for _ in range(20)])

    assert uvloop.run(main()) < 0.1  # ten times what it takes on an idle machine


@pytest.mark.parametrize(("kind", "most"), [("fsize", 2**20), ("nofile", 60), ("as", 200 * 2**20), ("nproc", 12)])
def test_limits_of_the_servers_own_are_kept_where_they_are_lower(kind: str, most: int) -> None:
    seen = f"import resource; print(resource.getrlimit(resource.RLIMIT_{kind.upper()})[1])"
    code = f"""
    import asyncio, resource
    from app.sandbox.base import PYTHON, Limits, Program
    from app.sandbox.bubblewrap import Bubblewrap
    sandbox = Bubblewrap(slots=1)
    program = Program(command=[PYTHON, "-c", {seen!r}], limits=Limits(memory_mb=512))
    print(asyncio.run(sandbox.run(program)).stdout.decode())
    """
    command = ["prlimit", f"--{kind}={most}", sys.executable, "-c", textwrap.dedent(code)]
    ended = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - code of ours
    assert ended.stdout.split() == [str(most).encode()], ended.stderr
