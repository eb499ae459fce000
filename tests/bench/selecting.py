"""What selects the right program among many: votes and tests, on programs that a real model once wrote."""

from __future__ import annotations

import asyncio
import os
import random
from dataclasses import dataclass
from math import comb
from statistics import mean
from typing import TYPE_CHECKING, cast

from msgspec.structs import replace
from pydantic import TypeAdapter

from app.aggregators.best_of import BestOf
from app.aggregators.execution import Execution
from app.aggregators.majority import Majority
from app.answers.code import Code
from app.candidates import Candidate, Question, Reply
from app.sandbox.bubblewrap import Bubblewrap
from app.verifiers import AnyVerifier
from tests.bench.humaneval import recorded
from tests.bench.report import table
from tests.tools import verifier_tools

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.aggregators.base import Aggregator
    from app.candidates import Verdict
    from app.verifiers.base import Verifier, VerifierTools
    from tests.bench.humaneval import Json, Problem

AT_ONCE = 16
SUBSETS = 50
MUTANTS = 4
TIME_LIMIT_S = 3.0

WORDING = """\
**Selecting programs**: {programs:,} recorded programs of a 16B model for {problems} HumanEval problems, verified in
{seconds:.0f} s ({distinct:,} different ones, each run once). pass@k is the unbiased estimate over all programs of a
problem; the others are the share of problems solved by the one program that is selected among 10 ({subsets} random tens
a problem) and among all. `majority` compares texts; `execution` what programs do on the prompt's own examples and up to
{mutants} variations of their inputs; `best_of` scores by the examples alone, which {with_examples} of the problems
have. Hidden tests select nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One recorded program as a candidate, its verdict by public tests in it, and whether the hidden tests pass."""

    candidate: Candidate
    right: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Selecting:
    """The programs of each problem, verified, and how long that took."""

    problems: Sequence[tuple[Problem, Sequence[Program]]]
    distinct: int
    seconds: float

    def markdown(self) -> str:
        """Return the table."""
        all_programs = [programs for _, programs in self.problems]
        rows = [(f"pass@{k}", "", f"{mean(pass_at(k, programs) for programs in all_programs):.1%}") for k in (1, 10)]
        for name, aggregator in (("majority", Majority()), ("best_of", BestOf()), ("execution", Execution())):
            some = mean(_solved_among(10, programs, aggregator) for programs in all_programs)
            every = mean(float(selected(programs, aggregator).right) for programs in all_programs)
            rows.append((f"`{name}`", f"{some:.1%}", f"{every:.1%}"))
        text = WORDING.format(
            programs=sum(map(len, all_programs)),
            problems=len(self.problems),
            seconds=self.seconds,
            distinct=self.distinct,
            subsets=SUBSETS,
            mutants=MUTANTS,
            with_examples=sum(bool(problem.examples) for problem, _ in self.problems),
        )
        return f"{text}\n\n{table(('selected by', 'of 10', 'of all'), rows)}\n"


def measure_selecting(say: Callable[[str], None], *, problems: int = 40, programs: int = 100) -> Selecting:
    """Verify the recorded programs and return them."""
    return asyncio.run(_measured(say, recorded()[:problems], programs))


def pass_at(k: int, programs: Sequence[Program]) -> float:
    """Return the chance that k programs drawn without replacement hold a right one (Chen et al., arXiv 2107.03374)."""
    wrong = sum(not program.right for program in programs)
    return 1.0 - comb(wrong, k) / comb(len(programs), k)


def selected(programs: Sequence[Program], aggregator: Aggregator) -> Program:
    """Return the program that the aggregator chooses, as the engine would let it: among those that count."""
    pool = [program.candidate for program in programs]
    accepted = [one for one in pool if one.verdict and one.verdict.status not in {"fail", "error"} and one.answer]
    if isinstance(aggregator, Majority) or not accepted or aggregator.considers_failed:
        accepted = pool
    winner = aggregator.decide(accepted).winner.index
    return next(program for program in programs if program.candidate.index == winner)


def _solved_among(count: int, programs: Sequence[Program], aggregator: Aggregator) -> float:
    generator = random.Random(0)
    tens = (generator.sample(list(programs), count) for _ in range(SUBSETS))
    return mean(float(selected(ten, aggregator).right) for ten in tens)


async def _measured(say: Callable[[str], None], found: Sequence[tuple[Problem, list[str]]], programs: int) -> Selecting:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    verified: list[tuple[Problem, Sequence[Program]]] = []
    distinct = 0
    tools = verifier_tools(sandbox=Bubblewrap(slots=os.cpu_count() or 1, max_waiting=10_000))
    for problem, texts in found:
        say(f"verifying {len(texts[:programs])} programs for {problem.task_id}")
        judged = await _judged(problem, list(dict.fromkeys(texts[:programs])), tools)
        distinct += len(judged)
        verified.append((problem, _numbered([judged[text] for text in texts[:programs]])))
    return Selecting(problems=verified, distinct=distinct, seconds=loop.time() - begun)


def _numbered(programs: Sequence[Program]) -> list[Program]:
    """Return the programs as the candidates of one run: numbered, and clustered by their texts."""
    clusters: dict[str, int] = {}
    numbered: list[Program] = []
    for index, program in enumerate(programs):
        answer = program.candidate.answer
        cluster = clusters.setdefault(answer.key, len(clusters)) if answer else None
        numbered.append(
            Program(candidate=replace(program.candidate, index=index, cluster=cluster), right=program.right)
        )
    return numbered


async def _judged(problem: Problem, texts: Sequence[str], tools: VerifierTools) -> dict[str, Program]:
    """Return each different program, run on public inputs and on the hidden tests."""
    public = _verifier({"public": [*problem.examples, *variations(problem)]}, problem)
    hidden = _verifier({"hidden": [problem.hidden]}, problem)
    room = asyncio.Semaphore(AT_ONCE)

    async def judged(text: str) -> Program:
        candidate = _candidate(text)
        async with room:
            verdicts = [await verifier.verify(candidate, tools) for verifier in (public, hidden) if verifier]
        seen: Verdict | None = verdicts[0] if public else None
        return Program(candidate=replace(candidate, verdict=seen), right=verdicts[-1].status == "pass")

    async with asyncio.TaskGroup() as group:
        tasks = {text: group.create_task(judged(text)) for text in texts}
    return {text: task.result() for text, task in tasks.items()}


def _verifier(tests: dict[str, list[Json]], problem: Problem) -> Verifier | None:
    if not any(tests.values()):
        return None
    adapter: TypeAdapter[Verifier] = TypeAdapter(AnyVerifier)
    spec = {"type": "tests", "entry_point": problem.entry_point, "time_limit_s": TIME_LIMIT_S, **tests}
    return adapter.validate_python(spec)


def _candidate(text: str) -> Candidate:
    reply = Reply(text=f"```python\n{text}\n```")
    answer = Code().extract(reply, Question(messages=[]))
    return Candidate(index=0, finish_reason="stop", reply=reply, answer=answer)


def variations(problem: Problem) -> list[Json]:
    """Return up to `MUTANTS` inputs like those of the examples, without an expected value: to tell programs apart."""
    generator = random.Random(problem.task_id)
    examples = problem.examples
    if not examples:
        return []
    sources = [generator.choice(examples) for _ in range(MUTANTS)]
    varied = [[_varied(value, generator) for value in cast("list[object]", one["args"])] for one in sources]
    return [{"args": arguments} for arguments in varied if {"args": arguments} not in examples]


def _varied(value: object, generator: random.Random) -> object:
    """Return a value of the same shape, a little different."""
    if isinstance(value, bool):
        return generator.random() < 0.5
    if isinstance(value, int):
        return value + generator.randint(-2, 3)
    if isinstance(value, float):
        return value * generator.choice((0.5, 1.5, 2.0))
    if isinstance(value, str):
        return "".join(generator.sample(value, len(value))) + generator.choice(("", value[:1]))
    if isinstance(value, list):
        items = cast("list[object]", value)
        return [_varied(item, generator) for item in items] + [_varied(item, generator) for item in items[:1]]
    return value
