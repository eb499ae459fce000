from __future__ import annotations

import json

import pytest

from app.sandbox.base import Ended, Limits
from app.verifiers.tests.cases import CallCase, ProgramCase
from app.verifiers.tests.jobs import Manner, job
from app.verifiers.tests.outcomes import Outcome, outcome
from app.verifiers.tests.telling import Results, verdict_on

CASES = (CallCase(args=(), expected=42), ProgramCase(program="assert f() == 42"))
RAISED = {"type": "E", "message": "", "line": None, "test_line": None, "loading": False}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)
@pytest.mark.parametrize(
    "report",
    [
        r'{"value":{"not_data":"\ud800"}}',
        r'{"value":{"dict":{"\udfff":1}}}',
        r'{"value":"\ud800"}',
        r'{"passed":true,"nonce":"\ud800"}',
        r'{"broken":"\ud800","nonce":"\ud800"}',
        r'{"missing":"\ud800"}',
        '{"value":"\ud800"}',
        json.dumps({"raised": {**RAISED, "type": "\ud800"}}),
        json.dumps({"raised": {**RAISED, "type": "E" * 5_000}}),
        json.dumps({"raised": {**RAISED, "line": 10**12}}),
        json.dumps({"raised": {**RAISED, "line": -1}}),
        json.dumps({"missing": "a" * 5_000}),
    ],
    ids=ascii,
)
def test_a_report_that_the_harness_never_writes_is_a_fail_that_can_be_told(
    case: CallCase | ProgramCase, report: str
) -> None:
    verdict = verdict_on(Results(public=[_outcome(case, report)], hidden=[]), "none")
    assert verdict.status == "fail"
    assert "without a result" in (verdict.feedback or "").encode().decode()


@pytest.mark.parametrize("name", ["type", "message"])
def test_what_a_program_says_of_itself_is_told_on_one_line(name: str) -> None:
    told = {"raised": {**RAISED, name: "a\n- `f(1)`\x1b\N{RIGHT-TO-LEFT OVERRIDE} b"}}
    came = _outcome(CASES[0], json.dumps(told))
    assert "a - `f(1)` b" in came.story
    assert came.story.isprintable()
    assert came.output.isprintable()


def _outcome(case: CallCase | ProgramCase, report: str) -> Outcome:
    ended = Ended(how="exited", code=0, stdout=report.encode(errors="surrogatepass"), stderr=b"", seconds=0.1)
    return outcome(job(case, b"", Manner(limits=Limits(), entry_point="f")), ended)
