"""The 164 problems of HumanEval (Chen et al., arXiv 2107.03374), where a copy lies beside the repository."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.candidates import Candidate, Reply
from app.verifiers.tests import CodeTests
from tests.tools import verifier_tools

if TYPE_CHECKING:
    from app.sandbox.bubblewrap import Bubblewrap

PLACE = Path("shared/data/code/HumanEval.jsonl.gz")

pytestmark = pytest.mark.slow


def problems() -> list[dict[str, str]]:
    """Return the problems, from a directory `shared` in one of those above the repository; skip where there is none."""
    found = [above / PLACE for above in Path(__file__).resolve().parents if (above / PLACE).exists()]
    if not found:
        pytest.skip(f"HumanEval is not there: put it into {PLACE}, in a directory above the repository")
    with gzip.open(found[0], "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


async def statuses(box: Bubblewrap, body: str | None) -> dict[str, str]:
    """Return the status of each problem's solution: the one known to be right, or its head with this body."""

    async def one(problem: dict[str, str]) -> str:
        verifier = CodeTests.model_validate(
            {"entry_point": problem["entry_point"], "public": [{"program": problem["test"]}]}
        )
        text = f"```python\n{problem['prompt']}{problem['canonical_solution'] if body is None else body}\n```"
        candidate = Candidate(index=0, reply=Reply(text=text), finish_reason="stop")
        return (await verifier.verify(candidate, verifier_tools(sandbox=box))).status

    async with asyncio.TaskGroup() as group:
        tasks = {problem["task_id"]: group.create_task(one(problem)) for problem in problems()}
    return {name: task.result() for name, task in tasks.items()}


@pytest.mark.parametrize(
    ("body", "status"),
    [(None, "pass"), ("    pass\n", "fail"), ("    return 'no'\n", "fail")],
    ids=["right", "pass", "no"],
)
def test_right_solutions_pass_and_others_fail(
    runner: asyncio.Runner, box: Bubblewrap, body: str | None, status: str
) -> None:
    found = runner.run(statuses(box, body))
    assert len(found) == 164
    assert {name: one for name, one in found.items() if one != status} == {}
