from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from app.verifiers.tests import harness
from app.verifiers.tests.harness import MissingError, call, entry, load, raised

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _module_forgotten() -> Iterator[None]:
    yield
    sys.modules.pop(harness.MODULE, None)


def job(code: str, *args: object, entry_point: str = "f", limit: int = 1_000, **kwargs: object) -> dict[str, Any]:
    return {"code": code, "entry_point": entry_point, "args": args, "kwargs": kwargs, "limit": limit}


def error_in(code: str, *args: object) -> dict[str, Any]:
    told: Any = call(job(code, *args))["raised"]
    return told


@pytest.mark.parametrize(
    ("code", "entry_point"),
    [
        ("def f(x, y=0): return x + y", "f"),
        ("class A:\n def f(self, x, y=0): return x + y", "A.f"),
        ("class Solution:\n def f(self, x, y=0): return x + y", "f"),
        ("f = lambda x, y: x + y", "f"),
    ],
)
def test_functions_and_methods_are_called(code: str, entry_point: str) -> None:
    assert call(job(code, 1, y=2, entry_point=entry_point)) == {"value": 3}


@pytest.mark.parametrize(
    ("code", "name"), [("", "f"), ("class A: pass", "A.f"), ("def f(): pass", "B.f"), ("A = 1", "A.f")]
)
def test_what_is_not_defined_is_missing(code: str, name: str) -> None:
    assert call(job(code, entry_point=name)) == {"missing": name}
    with pytest.raises(MissingError):
        entry(load(code), name)


def test_an_error_is_told_with_its_line_in_the_program() -> None:
    told = error_in("def g(x):\n    return 1 / x\n\ndef f(x):\n    return sorted(x, key=g)", [0])
    assert told == {
        "type": "ZeroDivisionError",
        "message": "division by zero",
        "line": 2,
        "test_line": None,
        "loading": False,
    }


@pytest.mark.parametrize(
    ("code", "line"),
    [("x = (", 1), ("def f(:\n  pass", 1), ("x = 1\nraise ValueError", 2), ("\n\nexit()", 3), ("a\0", None)],
)
def test_an_error_before_any_call_says_so(code: str, line: int | None) -> None:
    told = error_in(code)
    assert told["loading"] is True
    assert told["line"] == line


def test_an_exception_that_can_not_be_told_is_told_without_its_message() -> None:
    told = error_in("class E(BaseException):\n def __str__(self): raise KeyboardInterrupt\ndef f(): raise E")
    assert told["type"] == "E"
    assert not told["message"]


def test_a_value_that_is_larger_than_may_be_printed_is_told_as_that() -> None:
    assert call(job("def f(): return 'a' * 2000")) == {"too_large": True}
    assert call(job("def f(): return [0] * 2000")) == {"too_large": True}


def test_dataclasses_and_pickling_find_the_module() -> None:
    code = "import dataclasses, pickle\n@dataclasses.dataclass\nclass A:\n x: int\n"
    code += "def f(): return pickle.loads(pickle.dumps(A(3))).x"
    assert call(job(code)) == {"value": 3}


@pytest.mark.parametrize(
    "code",
    [
        "def f(x: List[int]) -> Optional[int]: return x[0]",
        "class Solution:\n  def f(self, x: 'List[int]') -> Dict[str, Any]: return math.floor(x[0])",
        "def f(x):\n  return next(itertools.chain(x)) if sys.maxsize else re.match",
        "def f(x): return (lambda y: heapq.nsmallest(1, y)[0])(x)",
        "import re as math\ndef f(x): return x[0] if math.compile('a') else 0",
        "class math:\n  floor = int\ndef f(x): return math.floor(x[0] + 0.5)",
    ],
)
def test_common_modules_and_types_are_there_without_an_import(code: str) -> None:
    assert call(job(code, [7])) == {"value": 7}


def test_names_that_code_does_not_use_are_not_there() -> None:
    assert not {"math", "List"} & set(load("x = 1"))


def test_code_under_main_is_not_run() -> None:
    assert call(job("def f(): return 1\nif __name__ == '__main__':\n    f = None")) == {"value": 1}


def test_an_error_without_a_traceback_has_no_line() -> None:
    assert raised(ValueError("a" * 1_000))["raised"] == {
        "type": "ValueError",
        "message": "a" * 500,
        "line": None,
        "test_line": None,
        "loading": False,
    }


def test_the_harness_is_a_script_for_a_python_without_packages() -> None:
    command = [sys.executable, "-I", "-S", "-c", f"import ast; ast.parse({_source()!r}, feature_version=(3, 9))"]
    assert subprocess.run(command, check=False).returncode == 0  # noqa: S603 - our own words
    assert "import app" not in _source()
    assert "from app" not in _source()


def _source() -> str:
    return Path(harness.__file__).read_text(encoding="utf-8")
