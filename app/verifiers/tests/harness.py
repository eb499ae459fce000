"""Runs one test of a candidate's Python, within the sandbox; nothing here is ever run by the server itself.

It reads a job, one JSON object, from standard input, and writes a report, one JSON object, to standard output: what the
candidate's function returned, as plain data, or how it or the test program ended. What is right isn't in the job of a
call: its value is compared outside, where a candidate's code can't reach.

A test program has to run beside the candidate's code, which then could say anything in its place. So the report of one
that came to its end bears the job's `nonce`, which the candidate's code has no business to know: it is taken from
standard input before that code runs, and is in no argument, variable of a module, file or open descriptor from then
on. What is called after the candidate's code has run was looked up before. That holds off a candidate that leaves
early, prints what a pass prints, or replaces functions; it can't hold off one that searches its own interpreter's
memory.

A script of its own: the standard library only, for Python 3.9 and newer.
"""

from __future__ import annotations

import json
import os
import sys
import types
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Say: TypeAlias = Callable[[dict[str, object] | bytes], NoReturn]

PROGRAM = "program.py"
"""What the candidate's code is called in tracebacks."""

TEST = "test.py"
"""What a test program is called there."""

MODULE = "program"
MAX_DEPTH = 64
MAX_MESSAGE = 500
BIG_BITS = 1_024


class TooLargeError(Exception):
    """The value has more parts than its report may have bytes."""


class MissingError(Exception):
    """The candidate's code doesn't define what is to be called."""


class Encoder:
    """Makes plain data of Python's values: numbers, strings, booleans, None and lists stand for themselves.

    Everything else is an object with one member, whose name says what it is: `dict`, `set` (in any order), `bytes` (in
    hexadecimal), `float` (one that JSON doesn't have), `int` (a long one, in hexadecimal), or `not_data` with the name
    of a type. `room` is how many values there may be, all in all.
    """

    def __init__(self, room: int) -> None:
        self._room = room

    def encode(self, value: Any, depth: int = 0) -> object:  # noqa: ANN401 - any value there is
        """Return `value` as plain data. Raises `TooLargeError`."""
        self._room -= 1
        if self._room < 0:
            raise TooLargeError
        if value is None or isinstance(value, (bool, str)):
            return value if isinstance(value, bool) or value is None else str.__str__(value)
        if isinstance(value, (int, float)) or type(value).__module__ in ("decimal", "fractions"):
            return _number(value)
        if isinstance(value, (bytes, bytearray)):
            return {"bytes": bytes(value).hex()}
        if depth >= MAX_DEPTH:
            return {"not_data": "value nested too deeply"}
        return self._container(value, depth + 1)

    def _container(self, value: Any, depth: int) -> object:  # noqa: ANN401 - any value there is
        items: Any = value
        if isinstance(value, (list, tuple)):
            return [self.encode(item, depth) for item in items]
        if isinstance(value, (set, frozenset)):
            return {"set": [self.encode(item, depth) for item in items]}
        if isinstance(value, dict):
            named = {_key(key): self.encode(item, depth) for key, item in items.items()}
            return (
                {"dict": named}
                if None not in named and len(named) == len(items)
                else {"not_data": "dict whose keys are no plain data"}
            )
        return {"not_data": type(value).__name__[:100]}


def _key(key: Any) -> str | None:  # noqa: ANN401 - any key there is
    """Return a dictionary's key as JSON would write it; None where it can't."""
    if isinstance(key, str):
        return str.__str__(key)
    return json.dumps(key) if key is None or isinstance(key, (bool, int, float)) else None


def _number(value: Any) -> object:  # noqa: ANN401 - any kind of number
    if not isinstance(value, (int, float)):  # a Decimal, a Fraction, or something else of these modules
        try:
            value = int(value) if value == int(value) else float(value)
        except (ValueError, TypeError, OverflowError, ArithmeticError):
            return {"not_data": type(value).__name__[:100]}
    if isinstance(value, int):
        whole = int(value)
        return {"int": hex(whole)} if whole.bit_length() > BIG_BITS else whole
    return float(value) if abs(value) < float("inf") else {"float": str(float(value))}


def raised(error: BaseException, *, loading: bool = False) -> dict[str, object]:
    """Return the report of an exception: its type, its message, and where in the candidate's and the test's code."""
    try:
        message = str(error)[:MAX_MESSAGE]
    except BaseException:  # noqa: BLE001 - it is the candidate's own method that failed
        message = ""
    line, test_line = _line(error, PROGRAM), _line(error, TEST)
    if line is None and isinstance(error, SyntaxError) and error.filename == PROGRAM:
        line, message = error.lineno, str(error.msg)[:MAX_MESSAGE]
    told = {"type": type(error).__name__[:100], "message": message, "line": line, "test_line": test_line}
    return {"raised": {**told, "loading": loading}}


def _line(error: BaseException, filename: str) -> int | None:
    """Return the last line of this file that was under way when the error was raised."""
    found, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == filename:
            found = trace.tb_lineno
        trace = trace.tb_next
    return found


def load(code: str) -> dict[str, Any]:
    """Run the candidate's code as a module, which isn't `__main__`, and return its names."""
    module = types.ModuleType(MODULE)
    sys.modules[MODULE] = module
    exec(compile(code, PROGRAM, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - in the sandbox
    return module.__dict__


def entry(names: dict[str, Any], path: str) -> Any:  # noqa: ANN401 - whatever the candidate defines
    """Return the function `f`, the method `Class.f` of a new object, or `f` of a class `Solution`, as LeetCode has it.

    Raises `MissingError` where there is none.
    """
    owner, _, name = path.rpartition(".")
    if not owner and name in names:
        return names[name]
    owner = owner or "Solution"
    if not hasattr(names.get(owner), name):
        raise MissingError(path)
    return getattr(names[owner](), name)


def call(job: dict[str, Any]) -> dict[str, object]:
    """Return the report of one call of the candidate's function."""
    limit = job["limit"]
    try:
        names = load(job["code"])
    except BaseException as error:  # noqa: BLE001 - whatever a candidate raises is what happened
        return raised(error, loading=True)
    try:
        value = entry(names, job["entry_point"])(*job["args"], **job["kwargs"])
        report = {"value": Encoder(limit).encode(value)}
    except MissingError as error:
        return {"missing": str(error)}
    except TooLargeError:
        return {"too_large": True}
    except BaseException as error:  # noqa: BLE001 - as above
        return raised(error)
    return report if len(json.dumps(report)) <= limit else {"too_large": True}


def program(job: dict[str, Any], say: Say) -> None:  # pragma: no cover - sandbox
    """Run the candidate's code and the test program behind it, and say how that ended."""
    execute, run, find, tell = exec, load, entry, raised
    nonce = job.pop("nonce")
    try:
        test = compile(job["test"], TEST, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        say({"broken": f"{type(error).__name__}: {error}"[:MAX_MESSAGE], "nonce": nonce})
    say_passed = _sealed(say, json.dumps({"passed": True, "nonce": nonce}).encode("ascii"))
    del nonce
    loading = True
    try:
        names = run(job["code"])
        loading = False
        execute(test, names)
        if job["check"]:
            names["check"](find(names, job["entry_point"]))
    except MissingError as error:
        say({"missing": str(error)})
    except BaseException as error:  # noqa: BLE001 - as above
        say(tell(error, loading=loading))
    say_passed()


def _sealed(say: Say, report: bytes) -> Callable[[], NoReturn]:  # pragma: no cover - in the sandbox
    """Return a function that says the report, which only the function itself holds."""
    return lambda: say(report)


def _voice(descriptor: int) -> Say:  # pragma: no cover - in the sandbox
    """Return the function that writes a report and ends the process, without anything that waits for its exit.

    A copy of the process, made by a fork of the candidate's, ends without a word.
    """
    write, leave, pid, own, dumps = os.write, os._exit, os.getpid, os.getpid(), json.dumps

    def say(report: dict[str, object] | bytes) -> NoReturn:
        left = report if isinstance(report, bytes) else dumps(report).encode("ascii")
        while left and pid() == own:
            left = left[write(descriptor, left) :]
        leave(0)

    return say


def main() -> NoReturn:  # pragma: no cover - in the sandbox
    """Do the job that standard input holds; from then on nothing is to be read there, and what is printed is lost."""
    with open(0, "rb", closefd=False) as stdin:
        job = json.loads(stdin.read())
    say = _voice(os.dup(1))
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    if job["test"] is not None:
        program(job, say)
    say(call(job))


if __name__ == "__main__":  # pragma: no cover - in the sandbox
    main()
