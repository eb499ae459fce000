"""What came of one test: whether it was passed, what the program gave, and a sentence on what was wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from app.verifiers.tests.cases import CallCase, ProgramCase
from app.verifiers.tests.jobs import Raised, Report
from app.verifiers.tests.printed import normalised, same_text
from app.verifiers.tests.values import bounded, canonical, printable, read_value, same, shortened, shown

if TYPE_CHECKING:
    from app.sandbox.base import Ended
    from app.verifiers.tests.cases import StdinCase
    from app.verifiers.tests.jobs import Job

Status: TypeAlias = Literal["passed", "failed", "observed", "broken"]

_MAX_LINE = 200


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of one test.

    `status`: it was `passed` or `failed`; it expects nothing and was only `observed`; or the test itself is `broken`.
    `output` is `=` and one text for all outputs that are alike; `!` and a word where there is none; `pass` or `fail` of
    a test program. `story` says in a sentence what came and what was expected, or what is wrong with the test.
    """

    status: Status
    output: str
    story: str = ""
    timed_out: bool = False


def outcome(job: Job, ended: Ended) -> Outcome:
    """Return what came of a job.

    The work is in proportion to what the program printed and what was expected, times how deep sets stand in sets
    (`values.MAX_SET_DEPTH` at most); putting sets in order adds a logarithm.
    """
    case = job.case
    if ended.how != "exited":
        return _cut_off(job, ended)
    if isinstance(case, CallCase | ProgramCase):
        return _reported(job, job.report(ended), ended)
    return _printed(job, case, ended)


def not_run(job: Job, why: str) -> Outcome:
    """Return the outcome of a test that was left out."""
    return _missed(job, "!not run", why)


def _missed(job: Job, output: str, story: str, *, timed_out: bool = False) -> Outcome:
    """Return the outcome of a test that gave no output."""
    status = "failed" if job.case.expects else "observed"
    output = "fail" if isinstance(job.case, ProgramCase) else output
    return Outcome(status=status, output=output, story=f"{_subject(job)} {story}", timed_out=timed_out)


def _subject(job: Job) -> str:
    """Return what the test does, as the beginning of a sentence."""
    match job.case:
        case CallCase():
            return f"`{job.case.call(job.manner.entry_point or '')}`"
        case ProgramCase():
            return f"The test program that begins with {_first_line(job.case.program)}"
        case _:
            return f"With the input {shortened(job.case.stdin, _MAX_LINE)!r} the program"


def _first_line(text: str) -> str:
    line = text.strip().partition("\n")[0].strip()
    return f"`{shortened(line, _MAX_LINE)}`"


def _cut_off(job: Job, ended: Ended) -> Outcome:
    """Return the outcome of a program that didn't end by itself."""
    limits = job.manner.limits
    if ended.how == "timed_out":
        return _missed(job, "!timeout", f"did not end within {limits.wall_s:g} s.", timed_out=True)
    if ended.how == "too_much_output":
        return _missed(job, "!too much output", f"printed more than {limits.output_bytes} bytes.")
    reason = f"it crashed, or took more than {limits.memory_mb} MiB of memory or {limits.processes} processes"
    return _missed(job, "!killed", f"was ended by a signal: {reason}.")


def _reported(job: Job, report: Report | None, ended: Ended) -> Outcome:
    """Return the outcome that the harness told."""
    match report:
        case Report(broken=str() as reason):
            return Outcome(status="broken", output="fail", story=f"{_subject(job)} isn't Python: {reason}")
        case Report(passed=True):
            return Outcome(status="passed", output="pass")
        case Report(left=True) | Report(missing=str()):
            return _not_counted(job, report.missing)
        case Report(raised=Raised() as error):
            return _raised(job, error)
        case Report() if isinstance(job.case, CallCase):
            return _returned(job, job.case, report, ended)
        case _:
            return _without_result(job, ended)


def _not_counted(job: Job, missing: str | None) -> Outcome:
    """Return the outcome of a program that lacks what is to be called, or left processes behind."""
    if missing is None:
        return _missed(job, "!left processes", "left processes behind.")
    return _missed(job, "!missing", f"can't be run: the program defines no `{printable(missing)}`.")


def _without_result(job: Job, ended: Ended) -> Outcome:
    return _missed(job, "!no result", f"ended the process without a result (exit status {ended.code}).")


def _returned(job: Job, case: CallCase, report: Report, ended: Ended) -> Outcome:
    if report.too_large:
        limit = job.manner.limits.output_bytes
        return _missed(job, "!too much output", f"returned a value of more than {limit} bytes as JSON.")
    try:
        value = read_value(report.value)
    except ValueError:
        return _without_result(job, ended)
    output = f"={canonical(value)}"
    if not case.expects:
        return Outcome(status="observed", output=output)
    if same(value, case.expected):
        return Outcome(status="passed", output=output)
    story = f"{_subject(job)} returned {shown(value)}, expected {shortened(repr(case.expected))}."
    return Outcome(status="failed", output=output, story=story)


def _raised(job: Job, raised: Raised) -> Outcome:
    """Return the outcome of an exception, in the candidate's code or in the test's."""
    message = f": {printable(raised.message)}" if raised.message.strip() else ""
    what = f"{printable(raised.type)}{message}"
    place = f" (line {raised.line} of the program)" if raised.line is not None else ""
    if raised.loading:
        outcome = _missed(job, f"!{printable(raised.type)}", "")
        return msgspec.structs.replace(outcome, story=f"The program itself raised {what}{place}.")
    if isinstance(job.case, ProgramCase) and raised.test_line is not None:
        line = _test_line(job.case, raised.test_line)
        if raised.type == "AssertionError" and raised.line is None:
            return Outcome(status="failed", output="fail", story=f"{line} does not hold{message}.")
        return Outcome(status="failed", output="fail", story=f"{line} raised {what}{place}.")
    return _missed(job, f"!{printable(raised.type)}", f"raised {what}{place}.")


def _test_line(case: ProgramCase, number: int) -> str:
    """Return a line of the test program, or its first where it has no such line."""
    lines = case.program.split("\n")
    return _first_line(lines[number - 1]) if 0 < number <= len(lines) and lines[number - 1].strip() else "The test"


def _printed(job: Job, case: StdinCase, ended: Ended) -> Outcome:
    """Return the outcome of a program that read standard input; one that says that it failed has failed."""
    text = ended.stdout.decode(errors="replace")
    output = f"={bounded(normalised(text))}"
    if ended.code != 0:
        complaint = ended.stderr.decode(errors="replace").strip().splitlines()[-1:]
        words = f": {printable(complaint[0])}" if complaint else ""
        return _missed(job, f"!exit {ended.code}", f"ended with exit status {ended.code}{words}.")
    if not case.expects:
        return Outcome(status="observed", output=output)
    if same_text(text, case.stdout):
        return Outcome(status="passed", output=output)
    story = f"{_subject(job)} printed {shortened(text)!r}, expected {shortened(case.stdout)!r}."
    return Outcome(status="failed", output=output, story=story)
