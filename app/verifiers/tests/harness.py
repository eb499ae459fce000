"""Runs one test of a candidate's Python, within the sandbox; nothing here is ever run by the server itself.

It reads a job, one JSON object, from standard input, and writes a report, one JSON object, to standard output: what the
candidate's function returned, as plain data, or how it or the test program ended. What is right isn't in the job of a
call: its value is compared outside, where a candidate's code can't reach.

A test program has to run beside the candidate's code, which then could say anything in its place. So the report of one
that came to its end bears the job's `nonce`, which the candidate's code has no business to know: it is taken from
standard input before that code runs, and is in no argument, variable of a module, file or open descriptor from then
on. What is called after the candidate's code has run was looked up before, and what that code put into Python's modules
in place of theirs is put back before the test. That holds off a candidate that leaves early, prints what a pass prints,
or replaces functions when it is loaded; it can't hold off one that searches its own interpreter's memory, or replaces
things later, when it is called.

A script of its own: the standard library only, for Python 3.9 and newer.
"""

from __future__ import annotations

import builtins
import importlib
import json
import os
import sys
import time
import types
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    Say: TypeAlias = Callable[[dict[str, object] | bytes], NoReturn]

PROGRAM = "program.py"
"""What the candidate's code is called in tracebacks."""

TEST = "test.py"
"""What a test program is called there."""

MODULE = "program"
GRACE_LOOKS = 5
GRACE_S = 0.02
"""How often, and how many seconds apart, children that are about to end are looked for."""


PRELOADED_MODULES = frozenset(
    ["bisect", "collections", "functools", "heapq", "itertools", "math", "random", "re", "string", "sys"]
)
PRELOADED_TYPES = frozenset(
    [
        *("Any", "Callable", "DefaultDict", "Deque", "Dict", "FrozenSet", "Generator", "Generic", "Iterable"),
        *("Iterator", "List", "Literal", "Mapping", "NamedTuple", "Optional", "Sequence", "Set", "Tuple", "Type"),
        *("TypeVar", "Union"),
    ]
)
"""What solutions are seen to use without importing it."""

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
            return value if isinstance(value, bool) or value is None else _text(value)
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


def _text(value: str) -> object:
    """Return a text, unless there are characters in it that no file and no reply can hold."""
    text = str.__str__(value)
    return text if _encodable(text) else {"not_data": "text with lone surrogates"}


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _key(key: Any) -> str | None:  # noqa: ANN401 - any key there is
    """Return a dictionary's key as JSON would write it; None where it can't."""
    if isinstance(key, str):
        return str.__str__(key) if _encodable(str.__str__(key)) else None
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
    name = type(error).__name__.encode("ascii", "replace").decode("ascii")[:100]
    message = message.encode("utf-8", "backslashreplace").decode("utf-8")[:MAX_MESSAGE]
    told = {"type": name, "message": message, "line": line, "test_line": test_line}
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
    """Run the candidate's code as a module, which isn't `__main__`, and return its names.

    What it uses without an import, as solutions for LeetCode do, is there: some modules, and the names of `typing`.
    """
    module = types.ModuleType(MODULE)
    sys.modules[MODULE] = module
    compiled = compile(code, PROGRAM, "exec", dont_inherit=True)
    used = set(_names_in(compiled))
    module.__dict__.update({name: importlib.import_module(name) for name in PRELOADED_MODULES & used})
    if PRELOADED_TYPES & used:
        typing = importlib.import_module("typing")
        module.__dict__.update({name: getattr(typing, name) for name in PRELOADED_TYPES & used})
    exec(compiled, module.__dict__)  # noqa: S102 - in the sandbox
    return module.__dict__


def _names_in(code: types.CodeType) -> Iterator[str]:
    """Yield the names that code uses, in its functions too, and which aren't local; attributes are among them."""
    todo = [code]
    while todo:
        one = todo.pop()
        yield from one.co_names
        todo += [inner for inner in one.co_consts if isinstance(inner, types.CodeType)]


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
    run, find, tell, is_end = load, entry, raised, _is_end
    nonce, text, calls = job.pop("nonce"), job.pop("test"), job.pop("calls")
    try:
        test = compile(text, TEST, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        say({"broken": f"{type(error).__name__}: {error}"[:MAX_MESSAGE], "nonce": nonce})
    say_passed = _sealed(say, json.dumps({"passed": True, "nonce": nonce}).encode("ascii"))
    ends = _imported(test)
    restored = _restorer(job["entry_point"])
    execute = _executor(test)
    del nonce, text, test
    loading = True
    try:
        names = restored(run(job["code"]))
        loading = False
        execute(names)
        for name in calls:
            names[name](*([find(names, job["entry_point"])] if name == "check" else []))
    except MissingError as error:
        say({"missing": str(error)})
    except BaseException as error:  # noqa: BLE001 - as above
        if loading or not is_end(error, ends):
            say(tell(error, loading=loading))
    say_passed()


def _executor(test: types.CodeType) -> Callable[[dict[str, Any]], None]:  # pragma: no cover - in the sandbox
    """Return a function that runs the test, which only the function itself holds."""
    run = exec
    return lambda names: run(test, names)


def _restorer(entry_point: str | None) -> Callable[[dict[str, Any]], dict[str, Any]]:  # pragma: no cover - sandbox
    """Return a function that puts Python's modules back as they are now, and returns the test's own names.

    Those are the candidate's, less what would stand for a function of Python's that isn't the one to test, in a module
    `__main__`.
    """
    loaded, genuine, kind, own = sys.modules, dict(vars(builtins)), types.ModuleType, (entry_point or "").split(".")[0]
    modules = {
        name: (module, dict(vars(module)))
        for name, module in loaded.items()
        if name != "__main__" and hasattr(vars(module), "update")
    }

    def restored(names: dict[str, Any]) -> dict[str, Any]:
        for name, (module, attributes) in modules.items():
            loaded[name] = module
            module.__dict__.update(attributes)
        main = loaded["__main__"] = kind("__main__")
        taken = {name: value for name, value in names.items() if name not in genuine or name == own}
        main.__dict__.update({name: value for name, value in taken.items() if not name.startswith("__")})
        main.__dict__["__builtins__"] = genuine
        return main.__dict__

    return restored


def _imported(test: types.CodeType) -> dict[str, Any] | None:  # pragma: no cover - in the sandbox
    """Import what the test uses of the standard library, before the candidate's code can change it.

    Returns the names of the module that ends a program at `unittest.main()`; None where the test has no such end.
    """
    used = set(_names_in(test)) & set(getattr(sys, "stdlib_module_names", PRELOADED_MODULES))
    for name in used - {"antigravity", "this"}:
        try:
            importlib.import_module(name)
        except ImportError:  # a part of the library that is not installed here
            continue
    return vars(importlib.import_module("unittest.main")) if "unittest" in used else None


def _is_end(error: BaseException, ends: dict[str, Any] | None) -> bool:  # pragma: no cover - in the sandbox
    """Whether this is how `unittest.main()` ends a program whose tests have all passed."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    last = None if trace is None else trace.tb_frame.f_globals
    return ends is not None and last is ends and type(error) is SystemExit and error.code in (0, False, None)


def _sealed(say: Say, report: bytes) -> Callable[[], NoReturn]:  # pragma: no cover - in the sandbox
    """Return a function that says the report, which only the function itself holds."""
    return lambda: say(report)


def _voice(descriptor: int) -> Say:  # pragma: no cover - in the sandbox
    """Return the function that writes a report and ends the process, without anything that waits for its exit.

    A copy of the process, made by a fork of the candidate's, ends without a word.
    """
    write, leave, pid, own, dumps = os.write, os._exit, os.getpid, os.getpid(), json.dumps
    leaves_children = _observer()

    def say(report: dict[str, object] | bytes) -> NoReturn:
        if pid() != own:
            leave(0)
        if (isinstance(report, bytes) or "value" in report) and leaves_children():
            report = {"left": True}
        left = report if isinstance(report, bytes) else dumps(report).encode("ascii")
        while left:
            left = left[write(descriptor, left) :]
        leave(0)

    return say


def _observer() -> Callable[[], bool]:  # pragma: no cover - in the sandbox
    """Return a function that tells whether other processes live here, a moment after all is done.

    Only where everything there is has begun here: the parent is the sandbox's own first process.
    """
    processes, read, wait, alone, own = os.listdir, open, time.sleep, os.getppid() == 1, os.getpid()

    def lives(name: str) -> bool:
        try:
            with read(f"/proc/{name}/stat", "rb") as stat:
                return stat.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
        except OSError:
            return False

    def observed() -> bool:
        for _ in range(GRACE_LOOKS):
            others = [name for name in processes("/proc") if name.isdigit() and int(name) not in (1, own)]
            if not (alone and any(lives(name) for name in others)):
                return False
            wait(GRACE_S)
        return True

    return observed


def main() -> NoReturn:  # pragma: no cover - in the sandbox
    """Do the job that standard input holds; from then on nothing is to be read there, and what is printed is lost."""
    with open(0, "rb", closefd=False) as stdin:
        job = json.loads(stdin.read())
    say = _voice(os.dup(1))
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    builtins.exit = builtins.quit = sys.exit  # which Python has from a module that it is started without
    with open(PROGRAM, encoding="utf-8") as file:  # noqa: PTH123 - pathlib takes time to import
        job["code"] = file.read()
    if job["test"] is not None:
        program(job, say)
    say(call(job))


if __name__ == "__main__":  # pragma: no cover - in the sandbox
    main()
