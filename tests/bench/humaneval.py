"""HumanEval and programs recorded for it, read from where they lie beside the repository; none of it is kept here."""

from __future__ import annotations

import ast
import doctest
import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "code"
PROBLEMS = FOLDER / "HumanEval.jsonl.gz"
RECORDED = FOLDER / "codegen16b_humaneval_40x100.jsonl.gz"

Json = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One problem: what is asked, a solution known to be right, and the hidden tests, a function `check(candidate)`."""

    task_id: str
    prompt: str
    entry_point: str
    canonical_solution: str
    test: str

    @property
    def hidden(self) -> Json:
        """The hidden tests as one test of the verifier `tests`."""
        return {"program": f"{self.test}\n\ncheck({self.entry_point})"}

    @property
    def examples(self) -> list[Json]:
        """The examples of the prompt as tests: those that doctest finds and that are plain data."""
        return [test for example in self._doctests() if (test := _as_test(example, self.entry_point))]

    def _doctests(self) -> list[doctest.Example]:
        try:
            return doctest.DocTestParser().get_examples(self.prompt)
        except ValueError:
            return []


def problems() -> list[Problem]:
    """Return all problems."""
    return [msgspec.convert(row, Problem) for row in _rows(PROBLEMS)]


def recorded() -> list[tuple[Problem, list[str]]]:
    """Return the problems that programs were recorded for, in order, each with its programs, prompt and all."""
    known = problems()
    return [
        (problem, [problem.prompt + sample for sample in msgspec.convert(row["samples"], list[str])])
        for problem, row in zip(known, _rows(RECORDED), strict=False)
    ]


def _rows(path: Path) -> Iterator[Json]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _as_test(example: doctest.Example, entry_point: str) -> Json | None:
    """Return `f(1, 2)` and `3` as arguments and an expected value; None where they are anything else."""
    try:
        call = ast.parse(example.source.strip(), mode="eval").body
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == entry_point):
            return None
        arguments = [ast.literal_eval(argument) for argument in call.args]
        kwargs = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
        expected = ast.literal_eval(example.want.strip())
        test = {"args": arguments, "kwargs": kwargs, "expected": expected}
        return msgspec.convert(json.loads(json.dumps(test, allow_nan=False)), Json)
    except (SyntaxError, ValueError, TypeError):
        return None
