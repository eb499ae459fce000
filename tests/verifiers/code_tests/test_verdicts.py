from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from app.candidates import Candidate, Reply
from app.errors import InvalidRequestError, SandboxError, SandboxUnavailableError
from app.sandbox.base import Limits
from app.verifiers.panel import judge_all
from app.verifiers.tests import CodeTests
from tests.tools import verifier_tools

if TYPE_CHECKING:
    from app.sandbox.base import Ended, Program
    from app.sandbox.bubblewrap import Bubblewrap
    from tests.verifiers.code_tests.conftest import Judge

RIGHT = "def f(x):\n    return x * 2"
WRONG = "def f(x):\n    return x + 1"
PUBLIC_FAILED = "1 of 1 test failed:\n- `f(1)` returned 4, expected 2."
ONE, TWO, THREE = ({"args": [n], "expected": 2 * n} for n in (1, 2, 3))


def fenced(code: str, language: str = "python") -> str:
    return f"So:\n```{language}\n{code}\n```\nThat is it."


class Broken:
    """A sandbox that fails."""

    ceilings = Limits(wall_s=20.0, memory_mb=128, output_bytes=65_536)
    running = 0
    waiting = 0

    async def check(self) -> None:
        """It seems to be there."""

    async def run(self, program: Program) -> Ended:
        raise SandboxError(f"nothing runs {program.command[0]}")


def test_a_program_that_passes_every_test_passes(judge: Judge) -> None:
    tests = [ONE, {"kwargs": {"x": [1]}, "expected": [1, 1]}, {"program": "assert f(0) == 0"}]
    verdict = judge(fenced(RIGHT), public=tests, hidden=[TWO])
    assert (verdict.status, verdict.score, verdict.feedback) == ("pass", 1.0, None)
    assert verdict.note == "tests passed: public 3/3, hidden 1/1"
    assert verdict.outputs == ("=2", "=[1,1]", "pass", "=4")


def test_the_score_is_the_share_of_tests_passed(judge: Judge) -> None:
    verdict = judge(fenced(WRONG), public=[ONE, TWO], hidden=[THREE, {"args": [5]}])
    assert (verdict.status, verdict.score) == ("fail", 1 / 3)
    assert verdict.outputs == ("=2", "=3", "=4", "=6")
    assert verdict.feedback == "1 of 2 tests failed:\n- `f(2)` returned 3, expected 4."
    assert verdict.note == (
        "tests passed: public 1/2, hidden 0/1; first hidden test that failed: `f(3)` returned 4, expected 6."
    )


def test_tests_that_expect_nothing_are_only_observed(judge: Judge) -> None:
    verdict = judge(
        fenced("def f(x):\n    print(x)\n    return {x, 1}"), public=[{"args": [2]}, {"args": ["a"]}, {"stdin": ""}]
    )
    assert (verdict.status, verdict.score, verdict.feedback) == ("abstain", None, None)
    assert verdict.outputs == ('={"set":[1,2]}', '={"set":[1,"a"]}', "=")


def test_a_reply_without_code_fails(judge: Judge) -> None:
    verdict = judge("I don't know.", public=[ONE, {"args": [1]}])
    assert (verdict.status, verdict.score, verdict.feedback) == ("fail", 0.0, "No code was found.")
    assert verdict.outputs == ("!no code", "!no code")


@pytest.mark.parametrize(
    ("code", "story"),
    [
        (
            "def f(x):\n    y = x\n    return y / 0",
            "`f(1)` raised ZeroDivisionError: division by zero (line 3 of the program).",
        ),
        ("def f(x): return 1 +", "The program itself raised SyntaxError: invalid syntax (line 1 of the program)."),
        ("def g(x): return 1", "`f(1)` can't be run: the program defines no `f`."),
        ("def f(): return 1", "`f(1)` raised TypeError: f() takes 0 positional arguments but 1 was given."),
        ("def f(x):\n  while True: pass", "`f(1)` did not end within 0.5 s."),
        ("import os\ndef f(x): os._exit(3)", "`f(1)` ended the process without a result (exit status 3)."),
        ("import os\ndef f(x): os.abort()", "`f(1)` was ended by a signal: it crashed, or took more than"),
        ("def f(x): return 'a' * 70000", "`f(1)` returned a value of more than 65536 bytes as JSON."),
        ("def f(x): yield 1", "`f(1)` returned <generator>, expected 2."),
        ("class Solution:\n  def f(self, x): return None", "`f(1)` returned None, expected 2."),
    ],
)
def test_feedback_says_what_came_of_a_call(judge: Judge, code: str, story: str) -> None:
    verdict = judge(fenced(code), public=[ONE], time_limit_s=0.5 if "0.5 s" in story else 10)
    assert verdict.status == "fail"
    assert verdict.feedback is not None
    assert verdict.feedback.startswith(f"1 of 1 test failed:\n- {story}")


@pytest.mark.parametrize(
    ("program", "story"),
    [
        ("x = 1\nassert f(x) == 3, 'no'", "`assert f(x) == 3, 'no'` does not hold: no."),
        ("def check(c):\n    assert c(1) == 3", "`assert c(1) == 3` does not hold."),
        (
            "f(None)",
            "`f(None)` raised TypeError: unsupported operand type(s) for *: 'NoneType' and 'int' (line 2 of the",
        ),
        ("f(1)\nimport os\nos._exit(0)", "The test program that begins with `f(1)` ended the process without a result"),
    ],
)
def test_feedback_says_which_line_of_a_test_program_failed(judge: Judge, program: str, story: str) -> None:
    verdict = judge(fenced(RIGHT), public=[{"program": program}])
    assert (verdict.status, verdict.outputs) == ("fail", ("fail",))
    assert story in (verdict.feedback or "")


def test_feedback_tells_of_the_first_few_failures_once(judge: Judge) -> None:
    verdict = judge(fenced("def f(x): return 0"), public=[ONE, ONE, TWO, THREE, {"args": [4], "expected": 8}])
    assert verdict.feedback == (
        "5 of 5 tests failed:\n- `f(1)` returned 0, expected 2.\n- `f(2)` returned 0, expected 4.\n"
        "- `f(3)` returned 0, expected 6."
    )


@pytest.mark.parametrize(
    ("hidden_feedback", "code", "told", "feedback"),
    [
        ("none", RIGHT, False, None),
        ("none", "def f(x): return 2", False, None),
        ("none", "def f(x): return 4", True, PUBLIC_FAILED),
        ("count", RIGHT, True, None),
        ("count", "def f(x): return 2", True, "2 of 2 hidden tests failed."),
        ("detail", RIGHT, True, None),
        (
            "detail",
            "def f(x): return 4",
            True,
            f"{PUBLIC_FAILED}\n1 of 2 hidden tests failed:\n- `f(3)` returned 4, expected 6.",
        ),
    ],
)
def test_a_model_learns_of_hidden_tests_what_the_request_says(
    judge: Judge,
    hidden_feedback: str,
    code: str,
    told: bool,  # noqa: FBT001 - a column of the table above
    feedback: str | None,
) -> None:
    verdict = judge(fenced(code), public=[ONE], hidden=[TWO, THREE], hidden_feedback=hidden_feedback)
    assert (verdict.told, verdict.feedback) == (told, feedback)


def test_without_hidden_tests_the_verdict_may_be_told(judge: Judge) -> None:
    assert judge(fenced(RIGHT), public=[ONE], hidden=[{"args": [7]}]).told


@pytest.mark.parametrize(
    ("code", "status", "output"),
    [
        ("print(int(input()) * 2.0)", "pass", "=6.0"),
        ("import sys\nfor line in sys.stdin: print(2 * int(line), '\\n')", "pass", "=6"),
        ("print(7)", "fail", "=7"),
        ("print('!timeout')", "fail", "=!timeout"),
        ("print(6)\nraise SystemExit(1)", "fail", "!exit 1"),
        ("while True: print('a' * 1000)", "fail", "!too much output"),
        ("while True: pass", "fail", "!timeout"),
        ("def main():\n    print(6)\n\nif __name__ == '__main__':\n    main()", "pass", "=6"),
    ],
)
def test_programs_that_read_standard_input_are_judged_by_what_they_print(
    judge: Judge, code: str, status: str, output: str
) -> None:
    verdict = judge(fenced(code), entry_point=None, public=[{"stdin": "3\n", "stdout": "6\n"}], time_limit_s=1)
    assert (verdict.status, verdict.outputs) == (status, (output,))


def test_a_failing_program_is_told_what_it_read_and_printed(judge: Judge) -> None:
    verdict = judge(fenced("print(7)"), entry_point=None, public=[{"stdin": "3\n", "stdout": "6\n"}])
    assert "With the input '3\\n' the program printed '7\\n', expected '6\\n'." in (verdict.feedback or "")
    verdict = judge(fenced("print(1 / 0)"), entry_point=None, public=[{"stdin": "3\n", "stdout": "6\n"}])
    assert "ended with exit status 1: ZeroDivisionError: division by zero." in (verdict.feedback or "")


def test_a_command_runs_programs_of_any_language(judge: Judge) -> None:
    spec: dict[str, Any] = {
        "language": "command", "command": ["sh", "{file}"], "file": "main.sh", "entry_point": None,
        "public": [{"stdin": "3\n", "stdout": "3 3"}],
    }  # fmt: skip
    assert judge(fenced('read x\necho "$x $x"', "sh"), **spec).status == "pass"
    assert judge('read x\necho "$x"', **spec).status == "fail"


def test_a_test_program_that_is_not_python_is_an_error_and_no_fail(judge: Judge) -> None:
    verdict = judge(fenced(RIGHT), public=[ONE, {"program": "assert f(1) = 2"}])
    assert verdict.status == "error"
    assert "1 test can't be run." in (verdict.feedback or "")
    assert "SyntaxError" in (verdict.feedback or "")


def test_after_three_time_outs_the_remaining_tests_are_not_run(judge: Judge) -> None:
    verdict = judge(fenced("def f(x):\n    while True: pass"), public=[ONE] * 40, time_limit_s=0.2)
    assert (verdict.status, verdict.score) == ("fail", 0.0)
    assert verdict.outputs[-1] == "!not run"
    assert verdict.outputs.count("!timeout") <= 12


def test_large_outputs_are_compared_too(judge: Judge) -> None:
    words = " ".join(map(str, range(8_000)))
    tests = [{"args": ["a" * 20_000], "expected": "a" * 40_000}, {"stdin": words, "stdout": words}]
    assert judge(fenced(RIGHT + "\nprint(open(0).read())"), public=tests).status == "pass"


def test_a_long_reply_is_searched_for_code(judge: Judge) -> None:
    assert judge("So it is. " * 2_000 + fenced(RIGHT), public=[ONE]).status == "pass"
    assert judge(fenced(RIGHT + "\n# " + "a" * 300_000), public=[ONE]).feedback == "No code was found."


def test_a_server_without_a_sandbox_refuses_before_anything_is_drawn(runner: asyncio.Runner) -> None:
    with pytest.raises(SandboxUnavailableError):
        runner.run(CodeTests.model_validate({"public": [{"stdin": ""}]}).check(verifier_tools()))


@pytest.mark.parametrize(("limit", "value"), [("time_limit_s", 21.0), ("memory_mb", 129), ("output_bytes", 65_537)])
def test_a_limit_beyond_the_servers_own_is_refused_before_anything_is_drawn(
    runner: asyncio.Runner, limit: str, value: float
) -> None:
    tools = verifier_tools(sandbox=Broken())
    spec = {"entry_point": "f", "public": [ONE], "time_limit_s": 20.0, "memory_mb": 128}
    runner.run(CodeTests.model_validate(spec).check(tools))
    with pytest.raises(InvalidRequestError, match="at most") as caught:
        runner.run(CodeTests.model_validate({**spec, limit: value}).check(tools))
    assert caught.value.param == limit


def test_tests_that_the_reference_fails_are_refused_before_anything_is_drawn(
    runner: asyncio.Runner, box: Bubblewrap
) -> None:
    tools = verifier_tools(sandbox=box)
    spec: dict[str, Any] = {"entry_point": "f", "public": [ONE, {"args": [9]}], "reference": RIGHT}
    runner.run(CodeTests.model_validate(spec).check(tools))
    spec["hidden"] = [TWO, {"program": "assert f(2) == helper(2)"}]
    with pytest.raises(InvalidRequestError, match="NameError: name 'helper' is not defined") as caught:
        runner.run(CodeTests.model_validate(spec).check(tools))
    assert caught.value.param == "hidden.1"


def test_a_sandbox_that_fails_is_an_error_and_no_fail(runner: asyncio.Runner) -> None:
    verifier = CodeTests.model_validate({"entry_point": "f", "public": [ONE, TWO]})
    candidate = Candidate(index=0, reply=Reply(text=fenced(RIGHT)), finish_reason="stop")
    verdict = runner.run(judge_all([verifier], candidate, verifier_tools(sandbox=Broken())))
    assert verdict is not None
    assert (verdict.status, verdict.feedback) == (
        "error",
        "The verifier tests could not decide: nothing runs {python}.",
    )


def test_a_command_that_is_not_there_is_an_error(runner: asyncio.Runner, box: Bubblewrap) -> None:
    spec = {"language": "command", "command": ["no-such-command", "{file}"], "file": "a.x", "public": [{"stdin": ""}]}
    candidate = Candidate(index=0, reply=Reply(text="x"), finish_reason="stop")
    verdict = runner.run(judge_all([CodeTests.model_validate(spec)], candidate, verifier_tools(sandbox=box)))
    assert verdict is not None
    assert verdict.status == "error"
    assert "no-such-command" in (verdict.feedback or "")


def test_cancelling_ends_all_that_runs_and_waits(runner: asyncio.Runner, box: Bubblewrap) -> None:
    verifier = CodeTests.model_validate({"entry_point": "f", "public": [ONE] * 20})
    candidate = Candidate(index=0, reply=Reply(text=fenced("def f(x):\n  while True: pass")), finish_reason="stop")

    async def cancelled() -> tuple[int, int, int]:
        task = asyncio.create_task(verifier.verify(candidate, verifier_tools(sandbox=box)))
        while not box.running:  # noqa: ASYNC110 - the sandbox has no event for that
            await asyncio.sleep(0.01)
        before = box.running
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return before, box.running, box.waiting

    before, running, waiting = runner.run(cancelled())
    assert before
    assert (running, waiting) == (0, 0)
