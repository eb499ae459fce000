from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.verifiers.tests.programs import TestProgram

if TYPE_CHECKING:
    from tests.verifiers.code_tests.conftest import Judge

UNITTEST = "import unittest\nclass T(unittest.TestCase):\n  def test_f(self):\n    self.assertEqual(f(), 42)\n"
PROGRAMS = {
    "assert": "assert f() == 42",
    "under main": "def run():\n  assert f() == 42\nif __name__ == '__main__':\n  run()",
    "check": "def check(candidate):\n  assert candidate() == 42",
    "check with a space": "def check (candidate):\n  assert candidate() == 42",
    "check that is called": "def check(c):\n  assert c() == 42\nif True:\n  check(f)",
    "check that calls itself": "def check(c, n=1):\n  assert c() == 42\n  n and check(c, n - 1)",
    "test functions": "def test_a():\n  assert f()\n\ndef test_b(x=42):\n  assert f() == x",
    "unittest": f"{UNITTEST}unittest.main()",
    "unittest under main": f"{UNITTEST}if __name__ == '__main__':\n  unittest.main(argv=['x'], exit=True)",
    "a loop": "for _ in range(2):\n  assert f() == 42",
    "exit": "if f() != 42:\n  exit(1)",
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_every_kind_of_test_program_passes_the_right_and_fails_the_wrong(judge: Judge, program: str) -> None:
    assert judge("```python\ndef f(): return 42\n```", public=[{"program": program}]).status == "pass"
    wrong = ("return 41", "raise SystemExit", "raise SystemExit(0)", "exit(0)")
    for how in wrong:
        assert judge(f"```python\ndef f(): {how}\n```", public=[{"program": program}]).status == "fail", how


CHEATS = {
    "a function of Python's by that name": ("def abs(x): return 0", "assert abs(f() - 42) < 1e-6"),
    "a function of Python's replaced": ("import builtins\nbuiltins.abs = lambda x: 0", "assert abs(f() - 42) < 1e-6"),
    "a function of a module replaced": (
        "import math\nmath.isclose = lambda *_, **__: True", "import math\nassert math.isclose(f(), 42)",
    ),
    "a module replaced": (
        "import sys, types\nsys.modules['math'] = types.SimpleNamespace(isclose=lambda *_: True)",
        "from math import isclose\nassert isclose(f(), 42)",
    ),
    "unittest replaced": (
        "import unittest\nunittest.main = unittest.TestCase = lambda *_, **__: None", f"{UNITTEST}unittest.main()",
    ),
    "a name of the test's": ("__name__ = 'x'", "if __name__ == '__main__':\n  assert f() == 42"),
    "the end of a program": ("import sys\nsys.exit = lambda *_: None", "import sys\nif f() != 42: sys.exit(1)"),
    "len": ("def len(x): return 42", "assert len([f()]) == 42"),
}  # fmt: skip


@pytest.mark.parametrize(("code", "program"), CHEATS.values(), ids=CHEATS)
def test_what_a_candidate_puts_in_the_place_of_pythons_own_is_not_what_the_test_uses(
    judge: Judge, code: str, program: str
) -> None:
    assert judge(f"```python\n{code}\ndef f(): return 41\n```", public=[{"program": program}]).status == "fail"


def test_an_entry_point_may_have_the_name_of_a_function_of_pythons(judge: Judge) -> None:
    tests = [{"program": "assert sum([1], 2) == 4"}, {"program": "def check(c):\n  assert c is sum"}]
    assert judge("```python\ndef sum(x, y): return 4\n```", entry_point="sum", public=tests).status == "pass"


def test_the_test_is_in_no_frame_above_the_candidate_when_it_is_loaded(judge: Judge) -> None:
    code = (
        "import sys\nframe, found = sys._getframe(), ''\nwhile frame:\n    found += repr(frame.f_locals)\n"
        "    frame = frame.f_back\ndef f(): return 42 if 'mark' + 'er' in found else 41"
    )
    assert judge(f"```python\n{code}\n```", public=[{"program": "assert f() == 42, 'marker'"}]).status == "fail"


@pytest.mark.parametrize("leave", ["exit()", "quit()", "exit(0)", "sys.exit()"])
def test_programs_may_end_by_exit(judge: Judge, leave: str) -> None:
    code = f"import sys\nprint(int(input()) * 2)\n{leave}\nprint('no')"
    assert judge(f"```python\n{code}\n```", public=[{"stdin": "3", "stdout": "6"}]).status == "pass"


def test_a_program_runs_as_python_runs_a_file(judge: Judge) -> None:
    code = (
        "from __future__ import annotations\nimport pickle, sys\nclass A: pass\n"
        "print(__name__, __file__, sys.argv, type(pickle.loads(pickle.dumps(A()))) is A, 'builtins' in globals())"
    )
    verdict = judge(
        f"```python\n{code}\n```", public=[{"stdin": "", "stdout": "__main__ main.py ['main.py'] True False"}]
    )
    assert verdict.status == "pass", verdict


@pytest.mark.parametrize("program", ["def f(", "x = '\0'", "(" * 5_000])
def test_what_a_program_does_that_is_not_python_is_unknown(program: str) -> None:
    assert TestProgram.read(program) == TestProgram(idle=False, uncalled=())
