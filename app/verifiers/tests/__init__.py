"""The verifier `tests`; the modules beside it find a candidate's program, run it in the sandbox, and compare."""

from __future__ import annotations

import asyncio
from keyword import iskeyword
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from app.candidates import Verdict
from app.errors import InvalidRequestError
from app.sandbox.base import Limits, Program
from app.verifiers.base import Verifier
from app.verifiers.tests.cases import Case, ProgramCase, StdinCase
from app.verifiers.tests.finding import find_any, find_python
from app.verifiers.tests.jobs import FILE, Manner
from app.verifiers.tests.runner import Runner
from app.verifiers.tests.telling import HiddenFeedback, Results, verdict_on

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.candidates import Candidate
    from app.sandbox.base import Sandbox
    from app.verifiers.base import VerifierTools
    from app.verifiers.tests.cases import AnyCase

MAX_TESTS = 256
MAX_CODE_CHARACTERS = 262_144

_INLINE_CHARACTERS = 6_000
"""Characters of a reply that take some ten milliseconds to be searched for code."""

_NAME = r"^[A-Za-z_]\w{0,99}(\.[A-Za-z_]\w{0,99})?$"
_FILE = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$"

_Word = Annotated[str, StringConstraints(min_length=1, max_length=1_024)]


class CodeTests(Verifier):
    """Passes a candidate whose program passes all tests that expect something; the score is the share that it passes.

    The program is found in the reply's text and each test is run by itself in the sandbox, under the limits given here.
    Expected values never enter it: what the program returned or printed comes out as data and is compared outside. A
    `program` has to run beside the candidate's code, so that code set on deceiving it may (by an `==` of its own, say);
    where that matters, tests with `args` or `stdin` are the ones to use.

    Feedback tells the model of the first public tests that failed, and of hidden ones what `hidden_feedback` says.
    Tests that expect nothing are run for their outputs, by which the aggregator `execution` compares candidates.
    """

    observes: ClassVar[bool] = True
    example: ClassVar[dict[str, object]] = {
        "entry_point": "add",
        "public": [{"args": [1, 2], "expected": 3}],
        "hidden": [{"args": [-1, 1], "expected": 0}, {"program": "assert add('a', 'b') == 'ab'"}],
    }

    type: Literal["tests"] = "tests"
    language: Literal["python", "command"] = Field(
        default="python", description="`python`, or `command` for any program that reads standard input."
    )
    entry_point: str | None = Field(
        default=None,
        pattern=_NAME,
        description="The function that `args` are given to: `f`, or `Class.f` for a method of a new object.",
    )
    command: tuple[_Word, ...] = Field(
        default=(),
        max_length=64,
        description='For `command`: the words to run, such as `["node", "{file}"]`; `{file}` is the candidate\'s code.',
    )
    file: str | None = Field(
        default=None, pattern=_FILE, description="For `command`: the name of the file with the code, such as `main.js`."
    )
    public: tuple[Case, ...] = Field(
        default=(), max_length=MAX_TESTS, description="Tests of which the model may learn everything."
    )
    hidden: tuple[Case, ...] = Field(
        default=(), max_length=MAX_TESTS, description="Tests of which it learns what `hidden_feedback` says."
    )
    hidden_feedback: HiddenFeedback = Field(
        default="none",
        description="What a model is told of hidden tests: nothing, how many failed, or all as of public ones.",
    )
    reference: str | None = Field(
        default=None,
        max_length=MAX_CODE_CHARACTERS,
        description="A program known to be right. Tests that it fails are refused before anything is drawn.",
    )
    time_limit_s: float = Field(default=10.0, ge=0.1, le=60.0, description="Seconds that one test may take.")
    memory_mb: int = Field(default=256, ge=64, le=4_096, strict=True, description="MiB that one test may take.")
    processes: int = Field(default=16, ge=1, le=64, strict=True, description="Processes that one test may start.")
    output_bytes: int = Field(
        default=65_536, ge=1_024, le=1_048_576, strict=True, description="Bytes that one test may print or return."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        """Refuse tests that can't be run as the other fields say."""
        cases = list(self._cases())
        if not 1 <= len(cases) <= MAX_TESTS:
            raise ValueError(f"give 1 to {MAX_TESTS} tests, in `public` and `hidden` together; these are {len(cases)}")
        if any(map(iskeyword, (self.entry_point or "").split("."))):
            raise ValueError(f"`entry_point` can't be {self.entry_point!r}, a word of Python's own")
        if self.language == "command":
            self._check_command()
        elif self.command or self.file is not None:
            raise ValueError('`command` and `file` are for language "command": set that, or leave them out')
        elif self.entry_point is None:
            self._check_entry_point()
        return self

    def _check_command(self) -> None:
        if self.file is None or not any(FILE in word for word in self.command):
            raise ValueError(
                'language "command" needs `file`, such as "main.js", and a `command` that has the word {file}, such as '
                '["node", "{file}"]'
            )
        if self.entry_point is not None:
            raise ValueError('`entry_point` is for language "python": leave it out')
        for path, case in self._cases():
            if not isinstance(case, StdinCase):
                raise ValueError(  # noqa: TRY004 - pydantic's kind of error
                    f'{path}: a test with `{case.kind}` is for Python; language "command" takes tests with `stdin`'
                )

    def _check_entry_point(self) -> None:
        for path, case in self._cases():
            if not isinstance(case, StdinCase) and not (isinstance(case, ProgramCase) and not case.needs_entry_point):
                raise ValueError(f"{path}: `entry_point` must name the function that this test calls")

    def _cases(self) -> Iterator[tuple[str, AnyCase]]:
        """Yield every test with its path."""
        yield from ((f"public.{number}", case) for number, case in enumerate(self.public))
        yield from ((f"hidden.{number}", case) for number, case in enumerate(self.hidden))

    @property
    def passes(self) -> bool:
        """Whether a test expects something."""
        return any(case.expects for _, case in self._cases())

    async def check(self, tools: VerifierTools) -> None:
        """Make sure that there is a sandbox which gives as much, and that the reference, if any, passes the tests.

        Raises `InvalidRequestError` for a limit beyond the sandbox's and for the first test that fails, and
        `SandboxError`.
        """
        await tools.sandbox.check()
        self._check_limits(tools.sandbox.ceilings)
        if self.command:
            await self._check_is_there(tools.sandbox)
        if self.reference is None:
            return
        cases = list(self._cases())
        code = await self._code(self.reference) or self.reference
        outcomes = await Runner(code, self._manner, tools.sandbox).outcomes([case for _, case in cases])
        for (path, _), outcome in zip(cases, outcomes, strict=True):
            if outcome.status in {"failed", "broken"}:
                raise InvalidRequestError(f"the reference does not pass this test: {outcome.story}", param=path)

    async def _check_is_there(self, sandbox: Sandbox) -> None:
        """Raise `InvalidRequestError` where the sandbox doesn't have the command."""
        found = await sandbox.run(Program(command=("/bin/sh", "-c", 'command -v -- "$1"', "sh", self.command[0])))
        if found.code != 0:
            raise InvalidRequestError(f"this server's sandbox has no {self.command[0]!r} to run", param="command.0")

    def _check_limits(self, most: Limits) -> None:
        """Raise `InvalidRequestError` for a limit that the sandbox would lower in silence."""
        if self.time_limit_s > most.wall_s:
            raise InvalidRequestError(f"this server gives a test {most.wall_s:g} s at most", param="time_limit_s")
        if self.memory_mb > most.memory_mb:
            raise InvalidRequestError(f"this server gives a test {most.memory_mb} MiB at most", param="memory_mb")
        if self.output_bytes > most.output_bytes:
            raise InvalidRequestError(
                f"this server takes {most.output_bytes} bytes of a test's output at most", param="output_bytes"
            )

    async def verify(self, candidate: Candidate, tools: VerifierTools) -> Verdict:
        """Return whether the candidate's program passes. Raises `SandboxError` where it could not be run."""
        code = await self._code(candidate.reply.text)
        if code is None:
            cases = [case for _, case in self._cases()]
            return Verdict(
                status="fail",
                score=0.0,
                feedback="No code was found.",
                outputs=("!no code",) * len(cases),
                passed=(0, sum(case.expects for case in cases)),
            )
        outcomes = await Runner(code, self._manner, tools.sandbox).outcomes((*self.public, *self.hidden))
        results = Results(public=outcomes[: len(self.public)], hidden=outcomes[len(self.public) :])
        return verdict_on(results, self.hidden_feedback)

    async def _code(self, text: str) -> str | None:
        """Return the candidate's program, searched for in a thread where its text is long."""
        if len(text) <= _INLINE_CHARACTERS:
            return self._find(text)
        return await asyncio.to_thread(self._find, text)

    def _find(self, text: str) -> str | None:
        found = find_any(text, self.file) if self.file is not None else find_python(text, self.entry_point)
        return found if found is None or len(found) <= MAX_CODE_CHARACTERS else None

    @property
    def _manner(self) -> Manner:
        limits = Limits(
            wall_s=self.time_limit_s,
            memory_mb=self.memory_mb,
            processes=self.processes,
            output_bytes=self.output_bytes,
        )
        if self.file is not None:
            return Manner(limits=limits, command=self.command, file=self.file)
        return Manner(limits=limits, entry_point=self.entry_point)
