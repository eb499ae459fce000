"""Programs judged by tests, from a request to its answer, in the real sandbox."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from app.errors import SandboxUnavailableError
from app.sandbox.bubblewrap import Bubblewrap
from tests.scripted.reply import Reply
from tests.scripted.scripts import always, in_turn

if TYPE_CHECKING:
    from tests.stage import Stage

TESTS: dict[str, Any] = {
    "type": "tests",
    "entry_point": "double",
    "public": [{"args": [1], "expected": 2}],
    "hidden": [{"args": [77], "expected": 154}],
}


@pytest.fixture(scope="module", autouse=True)
def _sandboxed() -> None:
    """Skip all of this where nothing can be isolated."""
    try:
        asyncio.run(Bubblewrap(slots=1).check())
    except SandboxUnavailableError as error:
        pytest.skip(error.message)


def writes(*bodies: str) -> tuple[Reply, ...]:
    return tuple(Reply(texts=(f"```python\ndef double(x):\n    return {body}\n```",)) for body in bodies)


def sequential(**fields: object) -> dict[str, Any]:
    return {
        "type": "sequential",
        "rounds": 2,
        "stop": "none",
        "context": {"feedback": "detail"},
        "verifiers": [TESTS],
        **fields,
    }


def test_the_next_round_is_told_what_came_of_the_public_tests(stage: Stage) -> None:
    stage.play(in_turn(*writes("x + 2", "x * 2")))
    body = stage.answer(sequential())
    assert [row["verdict"]["status"] for row in body["quorum"]["candidates"]] == ["fail", "pass"]
    told = stage.seen[1].body["messages"][-1]["content"]
    assert "A check found this solution wrong. 1 of 1 test failed:\n- `double(1)` returned 3, expected 2." in told


@pytest.mark.parametrize("body", ["x + 1", "x * 2"])
def test_the_next_round_is_told_nothing_of_hidden_tests(stage: Stage, body: str) -> None:
    stage.play(in_turn(*writes(body, "0")))
    stage.answer(sequential())
    told = stage.seen[1].body["messages"][-1]["content"]
    assert not [word for word in ("154", "77", "hidden", "correct.", "wrong.", "A check") if word in told]


def test_the_next_round_is_told_how_many_hidden_tests_failed_where_that_is_wanted(stage: Stage) -> None:
    stage.play(in_turn(*writes("x + 1", "x * 2")))
    stage.answer(sequential(verifiers=[{**TESTS, "hidden_feedback": "count"}]))
    told = stage.seen[1].body["messages"][-1]["content"]
    assert "1 of 1 hidden test failed." in told
    assert "154" not in told


@pytest.mark.parametrize(
    "strategy",
    [
        {"type": "reject", "max_attempts": 6},
        {"type": "sequential", "rounds": 6, "aggregator": "first_accepted"},
    ],
    ids=lambda strategy: strategy["type"],
)
def test_drawing_ends_with_the_first_program_that_passes(stage: Stage, strategy: dict[str, Any]) -> None:
    stage.play(in_turn(*writes("x", "x + 1", "2 * x", "x")))
    body = stage.answer({**strategy, "verifiers": [TESTS]})
    assert len(stage.seen) == 3
    assert "2 * x" in body["choices"][0]["message"]["content"]
    assert body["quorum"]["decision"]["accepted"] is True
    assert [row["verdict"]["score"] for row in body["quorum"]["candidates"]] == [0.0, 0.5, 1.0]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"public": [], "hidden": []}, "strategy.verifiers.0"),
        ({"public": [{"argz": [1]}]}, "strategy.verifiers.0.public.0.argz"),
        ({"hidden": [{"stdin": 3}]}, "strategy.verifiers.0.hidden.0.stdin"),
        ({"memory_mb": 10**6}, "strategy.verifiers.0.memory_mb"),
        ({"reference": "def double(x): return 2"}, "strategy.verifiers.0.hidden.0"),
    ],
    ids=str,
)
def test_a_spec_that_can_not_be_run_is_refused_with_the_path(stage: Stage, fields: dict[str, Any], path: str) -> None:
    response = stage.ask({"type": "single", "verifiers": [{**TESTS, **fields}]})
    assert response.status_code == 400
    assert response.json()["error"]["param"] == path
    assert not stage.seen


WRONG: list[tuple[dict[str, Any], str | None, str]] = [
    ({"public": [{"args": [1], "expcted": 3}]}, "public.0.expcted", "no such field"),
    ({"public": [{"stdin": "1", "stdot": "3"}]}, "public.0.stdot", "no such field"),
    ({"public": [{}]}, "public.0", "an empty test says nothing"),
    ({"public": [{"kwargs": {"a b": 1}}]}, "public.0", "can't be the name of an argument"),
    ({"public": [{"args": [1]}], "entry_point": "def"}, None, "a word of Python's own"),
    (
        {"language": "command", "entry_point": None, "file": "a.x", "command": ["nosuch", "{file}"],
         "public": [{"stdin": "1"}]},
        "command.0", "has no 'nosuch' to run",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("parameters", "param", "told"), WRONG)
def test_tests_that_can_not_be_run_are_refused_before_anything_is_drawn(
    stage: Stage, parameters: dict[str, object], param: str | None, told: str
) -> None:
    verifier = {"type": "tests", "entry_point": "f", **parameters}
    error = stage.ask({"type": "parallel", "n": 1, "verifiers": [verifier]}).json()["error"]
    assert told in error["message"]
    assert error["param"] == ".".join(part for part in ("strategy.verifiers.0", param) if part)
    assert not stage.seen


def test_a_reference_may_stand_in_a_fence_and_is_tried_within_the_deadline(stage: Stage) -> None:
    verifier: dict[str, Any] = {"type": "tests", "entry_point": "f", "public": [{"args": [], "expected": 42}]}
    fenced = {**verifier, "reference": "```python\ndef f(): return 42\n```"}
    stage.play(always(Reply(texts=("```python\ndef f(): return 42\n```",))))
    assert stage.answer({"type": "parallel", "n": 1, "verifiers": [fenced]})["quorum"]["decision"]["accepted"]
    slow = {**verifier, "reference": "import time\ndef f(): time.sleep(60)"}
    late = stage.ask({"type": "parallel", "n": 1, "verifiers": [slow], "budget": {"deadline_s": 1.0}})
    assert (late.status_code, late.json()["error"]["code"]) == (504, "deadline_exceeded")
