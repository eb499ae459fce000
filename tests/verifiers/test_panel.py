from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ConfigDict
from structlog.testing import capture_logs

from app.candidates import Candidate, Reply, Verdict
from app.errors import WebhookError
from app.verifiers.base import Verifier, VerifierTools
from app.verifiers.panel import combine, judge_all

if TYPE_CHECKING:
    from collections.abc import Sequence

STATUSES: tuple[Literal["pass", "fail", "abstain", "error"], ...] = ("pass", "fail", "abstain", "error")
VERDICTS = st.lists(
    st.builds(
        Verdict,
        status=st.sampled_from(STATUSES),
        score=st.none() | st.floats(0, 1),
        feedback=st.none() | st.sampled_from(["", "One.", "Two."]),
    ),
    min_size=1,
    max_size=6,
)
CANDIDATE = Candidate(index=3, reply=Reply(text="text"), finish_reason="stop")


class Says(Verifier):
    verdict: Verdict
    model_config = ConfigDict(arbitrary_types_allowed=True)

    async def verify(self, candidate: Candidate, tools: VerifierTools) -> Verdict:  # noqa: ARG002 - the interface
        await asyncio.sleep(0)
        return self.verdict


class Breaks(Verifier):
    type: Literal["breaks"] = "breaks"
    error: Exception
    model_config = ConfigDict(arbitrary_types_allowed=True)

    async def verify(self, candidate: Candidate, tools: VerifierTools) -> Verdict:  # noqa: ARG002 - the interface
        raise self.error


class Waits(Verifier):
    async def verify(self, candidate: Candidate, tools: VerifierTools) -> Verdict:  # noqa: ARG002 - the interface
        await asyncio.Event().wait()
        raise AssertionError


class Meets(Verifier):
    """Passes once as many as `parties` are in `verify` at the same time."""

    barrier: asyncio.Barrier
    model_config = ConfigDict(arbitrary_types_allowed=True)

    async def verify(self, candidate: Candidate, tools: VerifierTools) -> Verdict:  # noqa: ARG002 - the interface
        await self.barrier.wait()
        return Verdict(status="pass", score=1.0)


def judge(verifiers: Sequence[Verifier], runner: asyncio.Runner, tools: VerifierTools) -> Verdict | None:
    return runner.run(judge_all(verifiers, CANDIDATE, tools))


@given(VERDICTS)
def test_the_gravest_status_wins_and_the_score_is_the_mean(verdicts: list[Verdict]) -> None:
    verdict = combine(verdicts)
    statuses = [each.status for each in verdicts]
    assert verdict.status == next(status for status in ("fail", "error", "pass", "abstain") if status in statuses)
    scores = [each.score for each in verdicts if each.score is not None]
    assert verdict.score == (pytest.approx(sum(scores) / len(scores)) if scores else None)
    assert verdict.score is None or 0.0 <= verdict.score <= 1.0


def test_feedback_is_joined_in_order_and_said_once() -> None:
    lines = ["First.", None, "Second.", "First."]
    verdicts = [Verdict(status="fail", score=0.0, feedback=line) for line in lines]
    assert combine(verdicts).feedback == "First.\nSecond."
    assert combine(verdicts[1:2]).feedback is None


def test_no_verifiers_give_no_verdict(runner: asyncio.Runner, tools: VerifierTools) -> None:
    assert judge([], runner, tools) is None


def test_one_verifier_has_the_only_say(runner: asyncio.Runner, tools: VerifierTools) -> None:
    verdict = Verdict(status="fail", score=0.25, feedback="Almost.")
    assert judge([Says(verdict=verdict)], runner, tools) == verdict


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (KeyError("sk-secret"), "The verifier breaks broke (KeyError)."),
        (TimeoutError("sk-secret"), "The verifier breaks ran out of time."),
    ],
)
def test_a_verifier_that_breaks_is_an_error_without_its_secrets(
    runner: asyncio.Runner,
    tools: VerifierTools,
    error: Exception,
    reason: str,
) -> None:
    with capture_logs() as logs:
        verdict = judge([Breaks(error=error), Says(verdict=Verdict(status="pass", score=1.0))], runner, tools)
    assert verdict == Verdict(status="error", score=1.0, feedback=reason, note=reason)
    assert [entry["event"] for entry in logs] == ["verifier_broke"]
    assert "sk-secret" not in str(logs)


def test_what_broke_is_told_to_the_caller_and_not_to_the_model_that_failed(
    runner: asyncio.Runner, tools: VerifierTools
) -> None:
    wrong = Says(verdict=Verdict(status="fail", score=0.0, feedback="Wrong.", note="one of two"))
    good = Says(verdict=Verdict(status="pass", score=1.0, feedback="Fine."))
    broken = [Breaks(error=WebhookError("a secret of theirs")), Breaks(error=KeyError())]
    verdict = judge([*broken, wrong, good], runner, tools)
    assert verdict is not None
    assert (verdict.status, verdict.feedback) == ("fail", "Wrong.")
    assert verdict.note == (
        "The verifier breaks could not decide: a secret of theirs.\nThe verifier breaks broke (KeyError).\none of two"
    )


def test_of_a_long_reason_the_log_has_the_beginning(runner: asyncio.Runner, tools: VerifierTools) -> None:
    with capture_logs() as logs:
        verdict = judge([Breaks(error=WebhookError("x" * 9_000))], runner, tools)
    assert verdict is not None
    assert len(verdict.note or "") > 9_000
    assert len(logs[0]["reason"]) == 200


def test_verifiers_work_at_the_same_time(runner: asyncio.Runner, tools: VerifierTools) -> None:
    async def scenario() -> Verdict | None:
        barrier = asyncio.Barrier(3)
        async with asyncio.timeout(10):
            return await judge_all([Meets(barrier=barrier)] * 3, CANDIDATE, tools)

    assert runner.run(scenario()) == Verdict(status="pass", score=1.0)


def test_cancellation_passes_through(runner: asyncio.Runner, tools: VerifierTools) -> None:
    async def scenario() -> None:
        judging = asyncio.create_task(judge_all([Waits(), Waits()], CANDIDATE, tools))
        await asyncio.sleep(0.01)
        judging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await judging

    runner.run(scenario())
