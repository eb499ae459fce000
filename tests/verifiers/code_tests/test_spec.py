from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from app.parts import example_of
from app.verifiers.tests import CodeTests

CALL = {"args": [1], "expected": 2}


def verifier(**fields: object) -> CodeTests:
    return CodeTests.model_validate({"entry_point": "f", "public": [CALL], **fields})


def test_a_spec_is_written_as_it_was_read() -> None:
    public = [{"args": [1]}, {"args": [1], "expected": None}, {"kwargs": {"x": 1}}, {"program": "f"}, {"stdin": "1"}]
    spec = verifier(public=public, hidden=[{"stdin": "", "stdout": ""}]).spec
    assert spec["public"] == public
    assert spec["hidden"] == [{"stdin": "", "stdout": ""}]
    assert CodeTests.model_validate(spec).spec == spec


def test_the_example_is_a_spec() -> None:
    assert CodeTests.model_validate(example_of(CodeTests)).public


def test_null_may_be_expected() -> None:
    public = verifier(public=[{"args": [1], "expected": None}, {"args": [1]}, {"stdin": "1"}, {"stdout": ""}]).public
    assert [case.expects for case in public] == [True, False, False, True]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"public": []}, "give 1 to 256 tests"),
        ({"public": [CALL] * 200, "hidden": [CALL] * 100}, "give 1 to 256 tests, .* these are 300"),
        ({"public": [CALL] * 300}, "at most 256"),
        ({"entry_point": None}, "public.0: `entry_point` must name"),
        ({"entry_point": None, "public": [{"program": "def check(c):\n  pass"}]}, "public.0: `entry_point` must name"),
        ({"entry_point": "a b"}, "should match pattern"),
        ({"entry_point": "a.b.c"}, "should match pattern"),
        ({"language": "command"}, "needs `file`"),
        ({"language": "command", "file": "a.js", "command": ["node"]}, "the word {file}"),
        ({"language": "command", "file": "a.js", "command": ["node", "{file}"]}, "`entry_point` is for"),
        (
            {"language": "command", "file": "a.js", "command": ["node", "{file}"], "entry_point": None},
            "public.0: a test with `args` is for Python",
        ),
        ({"language": "command", "file": "../a.js"}, "should match pattern"),
        ({"file": "a.js"}, 'for language "command"'),
        ({"command": ["node", "{file}"]}, 'for language "command"'),
        ({"public": [{"args": [1], "program": "f"}]}, "args"),
        ({"public": [{"stdin": "1", "expected": "f"}]}, "expected"),
        ({"public": [{"program": ""}]}, "at least 1 character"),
        ({"public": [{"program": "a" * 70_000}]}, "at most 65536"),
        ({"public": [{"args": ["a" * 300_000]}]}, "262144 characters as JSON"),
        ({"public": [3]}, "public"),
        ({"time_limit_s": 0}, "greater than or equal to 0.1"),
        ({"time_limit_s": 61}, "less than or equal to 60"),
        ({"memory_mb": 5_000}, "less than or equal to 4096"),
        ({"processes": 65}, "less than or equal to 64"),
        ({"output_bytes": 10**7}, "less than or equal to 1048576"),
        ({"hidden_feedback": "some"}, "'none', 'count' or 'detail'"),
    ],
    ids=str,
)
def test_what_can_not_be_run_is_refused_with_the_reason(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=re.sub(r"([{}`])", r"\\\1", reason)):
        verifier(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"entry_point": None, "public": [{"stdin": "1", "stdout": "1"}, {"program": "assert f"}]},
        {"entry_point": None, "public": [{"program": "def check(c):\n  pass\ncheck(f)"}]},
        {"entry_point": None, "public": [{"program": "def test_f():\n  assert f() == 1"}]},
        {"entry_point": None, "public": [{"program": "if __name__ == '__main__':\n  assert f()"}]},
        {"entry_point": None, "public": [{"program": "x = f(1)"}, {"program": "x: int = f(1)"}]},
        {"entry_point": "Solution.f"},
        {
            "language": "command",
            "entry_point": None,
            "file": "a.js",
            "command": ["node", "{file}"],
            "public": [{"stdin": ""}],
        },
    ],
    ids=str,
)
def test_what_can_be_run_is_taken(fields: dict[str, Any]) -> None:
    assert verifier(**fields)


@pytest.mark.parametrize(
    "program",
    [
        "import math\nX = [1, -2]",
        "'Nothing.'",
        "def test(c):\n  assert c() == 1",
        "def test_f(x):\n  assert f(x) == 1",
        "import unittest\nclass T(unittest.TestCase):\n  def test_f(self): assert f() == 1",
        "if __name__ == '__main__':\n  def check_f(): assert f()",
    ],
)
def test_a_test_program_that_no_candidate_can_fail_is_refused(program: str) -> None:
    with pytest.raises(ValidationError, match="only defines things, so that every candidate passes it"):
        verifier(public=[{"program": program}])
