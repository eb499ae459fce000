"""One test of one candidate as a program for the sandbox, and what came of it.

What is expected never enters the sandbox: it holds what the candidate is called with, and its output is compared here.
"""

from __future__ import annotations

import json
import secrets
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import msgspec

from app.sandbox.base import PYTHON, Limits, Program
from app.verifiers.tests.cases import CallCase, StdinCase

if TYPE_CHECKING:
    from app.sandbox.base import Ended
    from app.verifiers.tests.cases import AnyCase, ProgramCase

HARNESS = "harness.py"
MAIN = "main.py"
FILE = "{file}"


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How candidates are run: the function to call, or the command whose `{file}` holds the candidate's code."""

    limits: Limits
    entry_point: str | None = None
    command: tuple[str, ...] = (PYTHON, FILE)
    file: str = MAIN


class Raised(msgspec.Struct, frozen=True, kw_only=True):
    """An exception; `line` is in the candidate's code, `test_line` in the test's; `loading` is before any call."""

    type: str
    message: str
    line: int | None
    test_line: int | None
    loading: bool


class Report(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the harness says: one of a value, an exception, a missing function, a broken or a passed test program.

    The last two count only with the run's nonce.
    """

    value: object = msgspec.UNSET
    raised: Raised | None = None
    missing: str | None = None
    too_large: bool = False
    broken: str | None = None
    passed: bool = False
    nonce: str | None = None


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One test of one candidate's code, and the word by which the harness shows that a report is its own."""

    case: AnyCase
    code: str
    manner: Manner
    nonce: str

    def program(self) -> Program:
        """Return what the sandbox is to run."""
        limits, code = self.manner.limits, self.code.encode(errors="replace")
        if isinstance(self.case, StdinCase):
            command = [word.replace(FILE, self.manner.file) for word in self.manner.command]
            stdin = self.case.stdin.encode(errors="replace")
            return Program(command=command, files={self.manner.file: code}, stdin=stdin, limits=limits)
        words = self._call(self.case) if isinstance(self.case, CallCase) else self._test(self.case)
        errand = {"code": self.code, "entry_point": self.manner.entry_point, "limit": limits.output_bytes, **words}
        stdin = json.dumps(errand).encode("ascii")
        return Program(command=(PYTHON, HARNESS), files={HARNESS: _harness()}, stdin=stdin, limits=limits)

    def _call(self, case: CallCase) -> dict[str, object]:
        return {"test": None, "args": case.args, "kwargs": case.kwargs}

    def _test(self, case: ProgramCase) -> dict[str, object]:
        return {"test": case.program, "check": case.leaves_check_to_caller, "nonce": self.nonce}

    def report(self, ended: Ended) -> Report | None:
        """Return the harness's report; None where there is none, or one that the candidate forged or garbled."""
        try:
            report = msgspec.convert(json.loads(ended.stdout), Report)
        except (ValueError, RecursionError):
            return None
        vouched = report.nonce is not None and secrets.compare_digest(report.nonce.encode(), self.nonce.encode())
        return None if (report.passed or report.broken is not None) and not vouched else report


def job(case: AnyCase, code: str, manner: Manner) -> Job:
    """Return the job of running `case` on `code`."""
    return Job(case=case, code=code, manner=manner, nonce=secrets.token_hex(16))


@cache
def _harness() -> bytes:
    """Return the harness's source."""
    return files(__package__ or "").joinpath(HARNESS).read_bytes()
