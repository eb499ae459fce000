"""One test of one candidate as a program for the sandbox, and what came of it.

What is expected never enters the sandbox: it holds what the candidate is called with, and its output is compared here.
"""

from __future__ import annotations

import json
import secrets
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated, TypeAlias

import msgspec

from app.sandbox.base import PYTHON, Limits, Program
from app.verifiers.tests.cases import CallCase, StdinCase
from app.verifiers.tests.harness import PROGRAM

if TYPE_CHECKING:
    from app.sandbox.base import Ended
    from app.verifiers.tests.cases import AnyCase, ProgramCase

HARNESS = "harness.py"
MAIN = "main.py"
FILE = "{file}"
START = "start.py"
_START = f"""
import builtins, sys
builtins.exit = builtins.quit = sys.exit
sys.argv[0] = __file__ = {MAIN!r}
del builtins, sys
exec(compile(open(__file__, "rb").read(), __file__, "exec", dont_inherit=True))
""".encode()
"""Runs a program as `__main__`, with the functions that Python has from a module that it is started without."""


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How candidates are run: the function to call, or the command whose `{file}` holds the candidate's code.

    Without a command it is Python.
    """

    limits: Limits
    entry_point: str | None = None
    command: tuple[str, ...] = ()
    file: str = MAIN


_Line: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] | None
_Words: TypeAlias = Annotated[str, msgspec.Meta(max_length=2_000)]


class Raised(msgspec.Struct, frozen=True, kw_only=True):
    """An exception; `line` is in the candidate's code, `test_line` in the test's; `loading` is before any call."""

    type: Annotated[str, msgspec.Meta(max_length=100)]
    message: _Words
    line: _Line
    test_line: _Line
    loading: bool


class Report(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the harness says: one of a value, an exception, a missing function, a broken or a passed test program.

    The last two count only with the run's nonce.
    """

    value: object = msgspec.UNSET
    raised: Raised | None = None
    missing: _Words | None = None
    too_large: bool = False
    left: bool = False
    broken: _Words | None = None
    passed: bool = False
    nonce: str | None = None


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One test of one candidate's code, and the word by which the harness shows that a report is its own."""

    case: AnyCase
    code: bytes
    manner: Manner
    nonce: str

    def program(self) -> Program:
        """Return what the sandbox is to run."""
        limits = self.manner.limits
        if isinstance(self.case, StdinCase):
            return self._reader(self.case)
        words = self._call(self.case) if isinstance(self.case, CallCase) else self._test(self.case)
        errand = {"entry_point": self.manner.entry_point, "limit": limits.output_bytes, **words}
        programs = {HARNESS: _harness(), PROGRAM: self.code}
        return Program(
            command=(PYTHON, HARNESS), files=programs, stdin=json.dumps(errand).encode("ascii"), limits=limits
        )

    def _reader(self, case: StdinCase) -> Program:
        """Return the candidate's program as it is, which reads standard input."""
        stdin, limits = case.stdin.encode(errors="replace"), self.manner.limits
        if not self.manner.command:
            return Program(command=(PYTHON, START), files={START: _START, MAIN: self.code}, stdin=stdin, limits=limits)
        command = [word.replace(FILE, self.manner.file) for word in self.manner.command]
        return Program(command=command, files={self.manner.file: self.code}, stdin=stdin, limits=limits)

    def _call(self, case: CallCase) -> dict[str, object]:
        return {"test": None, "args": case.args, "kwargs": case.kwargs}

    def _test(self, case: ProgramCase) -> dict[str, object]:
        return {"test": case.program, "calls": case.calls, "nonce": self.nonce}

    def report(self, ended: Ended) -> Report | None:
        """Return the harness's report; None where there is none, or one that the candidate forged or garbled."""
        try:
            data = json.loads(ended.stdout)
            json.dumps(data, ensure_ascii=False).encode()  # the harness writes no text that can't be encoded
            report = msgspec.convert(data, Report)
        except (ValueError, RecursionError):
            return None
        vouched = report.nonce is not None and secrets.compare_digest(report.nonce.encode(), self.nonce.encode())
        return None if (report.passed or report.broken is not None) and not vouched else report


def job(case: AnyCase, code: bytes, manner: Manner) -> Job:
    """Return the job of running `case` on `code`."""
    return Job(case=case, code=code, manner=manner, nonce=secrets.token_hex(16))


@cache
def _harness() -> bytes:
    """Return the harness's source."""
    return files(__package__ or "").joinpath(HARNESS).read_bytes()
