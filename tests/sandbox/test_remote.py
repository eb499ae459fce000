from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING

import pytest
import uvloop

from app.errors import SandboxBusyError, SandboxError, SandboxUnavailableError
from app.sandbox.base import PYTHON, Limits, Program
from app.sandbox.ceilings import Ceilings
from app.sandbox.remote import Remote
from tests.sandbox.fusion import Fusion, answered, finished

if TYPE_CHECKING:
    from typing import Any

    from app.sandbox.base import Ended

HELLO = Program(command=[PYTHON, "main.py"], files={"main.py": b"print(1)"})


def ran(fusion: Fusion, program: Program = HELLO, ceilings: Ceilings | None = None) -> Ended:
    async def main() -> Ended:
        async with fusion, Remote(fusion.url + "/", ceilings=ceilings).connected() as remote:
            return await remote.run(program)

    return uvloop.run(main())


def asked(program: Program, ceilings: Ceilings | None = None) -> dict[str, Any]:
    """Return what the server is asked for a program."""
    fusion = Fusion(finished())
    ran(fusion, program, ceilings)
    assert fusion.paths == ["/run_code"]
    return fusion.seen[0]


def test_a_program_is_sent_as_files_and_code_that_starts_it() -> None:
    files = {"main.py": b"import helper", "x": b"\0"}
    limits = Limits(wall_s=3.0, memory_mb=128)
    request = asked(Program(command=[PYTHON, "main.py", "\u00fc"], files=files, stdin=b"in", limits=limits))
    assert request.pop("code").endswith(f"\nstart(['{PYTHON}', 'main.py', '\\xfc'], {128 * 2**20})\n")
    assert request == {
        "language": "python",
        "files": {name: base64.b64encode(content).decode() for name, content in files.items()},
        "stdin": "in",
        "run_timeout": 3.0,
    }


def test_without_input_none_is_sent() -> None:
    assert asked(HELLO)["stdin"] is None


def test_limits_beyond_the_ceilings_are_lowered() -> None:
    program = Program(command=["true"], limits=Limits(wall_s=100.0, memory_mb=10_000))
    request = asked(program, Ceilings(wall_s=7.0, memory_mb=70))
    assert request["run_timeout"] == 7.0
    assert request["code"].endswith(f", {70 * 2**20})\n")


def test_the_ceilings_can_be_seen() -> None:
    ceilings = Remote("http://127.0.0.1:1", ceilings=Ceilings(wall_s=7.0, memory_mb=70)).ceilings
    assert (ceilings.wall_s, ceilings.memory_mb, ceilings.output_bytes) == (7.0, 70, 131_072)


def test_a_program_ends_with_its_status_outputs_and_time() -> None:
    ended = ran(Fusion(finished(code=3, stdout="out ü", stderr="err")))
    assert (ended.how, ended.code) == ("exited", 3)
    assert (ended.stdout, ended.stderr, ended.seconds) == ("out ü".encode(), b"err", 0.25)


@pytest.mark.parametrize("code", [-11, 137, None])
def test_a_signal_is_told_from_an_exit(code: int | None) -> None:
    ended = ran(Fusion(finished(code=code)))
    assert (ended.how, ended.code) == ("killed", None)


def test_the_servers_time_limit_is_the_programs() -> None:
    ended = ran(Fusion(finished(code=None, status="TimeLimitExceeded", stdout="so far")))
    assert (ended.how, ended.code, ended.stdout) == ("timed_out", None, b"so far")


@pytest.mark.parametrize(("length", "how"), [(65_536, "exited"), (65_537, "too_much_output")])
def test_output_beyond_the_limit_is_cut(length: int, how: str) -> None:
    ended = ran(Fusion(finished(stdout="x" * length)))
    assert (ended.how, len(ended.stdout)) == (how, 65_536)


def test_output_that_the_server_may_have_cut_is_too_much_whatever_the_limit() -> None:
    program = Program(command=["true"], limits=Limits(output_bytes=2**20))
    assert ran(Fusion(finished(stdout="x" * 131_072)), program).how == "exited"
    assert ran(Fusion(finished(stdout="x" * 219_264)), program).how == "too_much_output"  # of 300,000, as it was seen


FAILURES = {
    "says so": (answered("SandboxError", message="no space left"), 200, "failed: no space left"),
    "says so behind the code": (
        answered("SandboxError", message="exception on running code start([])\n: [Errno 17] File exists: 'a' None"),
        200,
        "failed: .Errno 17. File exists",
    ),
    "says nothing": (answered("SandboxError"), 200, "does not say why"),
    "error of the run": (finished(code=None, status="Error"), 200, "does not say why"),
    "no result": (answered("Success"), 200, "does not say why"),
    "garbage": (b"<html>", 200, "can't be read"),
    "another protocol": (b'{"status": "Great"}', 200, "can't be read"),
    "nothing": (b"", 200, "can't be read"),
    "500": (b"Internal Server Error", 500, "status 500: 'Internal"),
    "422": (b'{"detail": []}', 422, "status 422"),
}


@pytest.mark.parametrize(("body", "status", "told"), FAILURES.values(), ids=FAILURES)
def test_what_is_no_result_is_the_sandboxs_failure(body: bytes, status: int, told: str) -> None:
    with pytest.raises(SandboxError, match=told) as caught:
        ran(Fusion(body, status=status))
    assert not isinstance(caught.value, SandboxUnavailableError)


def test_an_answer_without_end_is_cut_off() -> None:
    with pytest.raises(SandboxError, match="more than 16777216 bytes"):
        ran(Fusion(b"{", pieces=(b" " * 2**20 for _ in range(64))))


def test_a_server_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.sandbox.remote._GRACE_S", 0.1)
    with pytest.raises(SandboxError, match=r"did not answer within 0\.2 s"):
        ran(Fusion(finished(), wait_s=2.0), Program(command=["true"], limits=Limits(wall_s=0.1)))


def test_a_server_that_is_not_there_is_unavailable() -> None:
    async def main() -> None:
        fusion = Fusion(b"")
        async with fusion:
            pass
        async with Remote(fusion.url).connected() as remote:
            with pytest.raises(SandboxUnavailableError, match=r"sandbox\.url"):
                await remote.run(HELLO)

    uvloop.run(main())


def test_text_that_the_protocol_cannot_carry_is_refused() -> None:
    with pytest.raises(SandboxError, match="only UTF-8 text as standard input"):
        ran(Fusion(finished()), Program(command=["cat"], stdin=b"\xff"))
    with pytest.raises(SandboxError, match="without a command"):
        ran(Fusion(finished()), Program(command=[]))


def test_check_runs_a_line_of_python_once() -> None:
    async def main() -> None:
        async with Fusion(finished(stdout="42\n")) as fusion, Remote(fusion.url).connected() as remote:
            await remote.check()
            await remote.check()
            assert ["print(6 * 7)" in seen["code"] for seen in fusion.seen] == [True]

    uvloop.run(main())


@pytest.mark.parametrize(
    ("body", "told"), [(finished(stderr="no python"), "no python"), (b"<html>", r"does not work: .* can't be read")]
)
def test_check_says_what_is_wrong_and_does_not_ask_again_at_once(body: bytes, told: str) -> None:
    async def main() -> None:
        async with Fusion(body) as fusion, Remote(fusion.url).connected() as remote:
            for _ in range(2):
                with pytest.raises(SandboxUnavailableError, match=told):
                    await remote.check()
            assert len(fusion.seen) == 1

    uvloop.run(main())


def test_no_more_programs_run_at_once_than_there_are_slots() -> None:
    async def main() -> None:
        async with (
            Fusion(finished(), wait_s=0.05) as fusion,
            Remote(fusion.url, slots=2, max_waiting=4).connected() as remote,
        ):
            async with asyncio.TaskGroup() as group:
                for _ in range(6):
                    group.create_task(remote.run(HELLO))
                await asyncio.sleep(0.02)
                assert (remote.running, remote.waiting) == (2, 4)
                with pytest.raises(SandboxBusyError):
                    await remote.run(HELLO)
            assert (fusion.most_at_once, remote.running) == (2, 0)

    uvloop.run(main())
