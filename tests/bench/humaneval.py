"""HumanEval and programs recorded for it, read from where they lie beside the repository; none of it is kept here."""

from __future__ import annotations

import ast
import gzip
import json
import re
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

_GIVES = re.compile(r"^(?:==>|==|=>|->|=|\u279e|\u27a1|returns?|should return|#)+\s*(?:returns?)?\s*", re.IGNORECASE)
_BEGUN = re.compile(r"^def (\w+)\(", re.MULTILINE)


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
        """The examples of the prompt as tests: a call, and what it gives, wherever both are plain data."""
        found: list[Json] = []
        for match in re.finditer(rf"\b{self.entry_point}\(", self.prompt):
            if self.prompt[: match.start()].endswith("def "):
                continue
            end = _closing(self.prompt, match.end())
            lines = self.prompt[end:].splitlines()
            beside, below = ([line.strip() for line in lines] + ["", ""])[:2]
            wanted = _GIVES.sub("", beside) if beside else below
            if test := _as_test(self.prompt[match.start() : end], wanted):
                found.append(test)
        return found


def problems() -> list[Problem]:
    """Return all problems."""
    return [msgspec.convert(row, Problem) for row in _rows(PROBLEMS)]


def recorded() -> list[tuple[Problem, list[str]]]:
    """Return the problems that programs were recorded for, each with its programs, prompt and all.

    They are recorded under a prompt without examples; which problem it is, the last function that it begins tells.
    """
    known = {problem.entry_point: problem for problem in problems()}
    found: list[tuple[Problem, list[str]]] = []
    for row in _rows(RECORDED):
        problem = known[_BEGUN.findall(str(row["prompt"]))[-1]]
        found.append((problem, [problem.prompt + sample for sample in msgspec.convert(row["samples"], list[str])]))
    return found


def _rows(path: Path) -> Iterator[Json]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _closing(text: str, start: int) -> int:
    """Return the place behind the parenthesis that closes the one before `start`; the end where none does."""
    depth = 1
    for place in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if not depth:
            return place + 1
    return len(text)


def _as_test(call: str, wanted: str) -> Json | None:
    """Return a call and its value as arguments and an expected value; None where they are anything but plain data."""
    try:
        written = ast.parse(call, mode="eval").body
        if not isinstance(written, ast.Call):
            return None
        arguments = [ast.literal_eval(argument) for argument in written.args]
        kwargs = {str(word.arg): ast.literal_eval(word.value) for word in written.keywords}
        test = {"args": arguments, "kwargs": kwargs, "expected": ast.literal_eval(wanted)}
        return msgspec.convert(json.loads(json.dumps(test, allow_nan=False)), Json)
    except (SyntaxError, ValueError, TypeError):
        return None
