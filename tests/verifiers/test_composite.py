"""Verifiers that are made of others: `all_of`, `any_of`, `weighted`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from app.candidates import Candidate, Reply, Usage, Verdict
from app.errors import QuorumError, SandboxUnavailableError
from app.inquiry import Expense
from app.requirements import check_parts
from app.strategies.single import Single
from app.verifiers import AnyVerifier
from app.verifiers.all_of import AllOf
from app.verifiers.any_of import AnyOf
from app.verifiers.base import Verifier, every
from app.verifiers.composite import MAX_ALL_PARTS, MAX_DEPTH
from app.verifiers.math import MathVerifier
from app.verifiers.panel import combine, judge_all
from app.verifiers.weighted import Share, WeightedVerifier
from tests.tools import verifier_tools

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.verifiers.base import VerifierTools
    from app.verifiers.composite import Composite

ADAPTER = TypeAdapter[AnyVerifier](AnyVerifier)
MATH = {"type": "math", "answer": "42"}
LONG = {"type": "regex", "pattern": "because"}
CANDIDATE = Candidate(index=0, reply=Reply(text=r"\boxed{42}"), finish_reason="stop")

PASS = Verdict(status="pass", score=1.0, note="p")
FAIL = Verdict(status="fail", score=0.0, feedback="Wrong.", note="f")
ABSTAIN = Verdict(status="abstain")
ERROR = Verdict(status="error", feedback="It broke.")

VERDICTS = st.lists(
    st.builds(
        Verdict,
        status=st.sampled_from(("pass", "fail", "abstain", "error")),
        score=st.none() | st.floats(0, 1),
        feedback=st.none() | st.sampled_from(["One.", "Two."]),
        note=st.none() | st.just("Note."),
        told=st.booleans(),
        outputs=st.just(("1",)) | st.just(()),
    ),
    min_size=1,
    max_size=6,
)


def read(spec: object) -> Any:  # noqa: ANN401 - whichever it is
    return ADAPTER.validate_python(spec)


def any_of(count: int) -> AnyOf:
    return read({"type": "any_of", "verifiers": [MATH] * count})


def weighted(*weights: float, pass_at: float | None = 0.5) -> WeightedVerifier:
    shares = [{"verifier": MATH, "weight": weight} for weight in weights]
    return read({"type": "weighted", "verifiers": shares, "pass_at": pass_at})


@given(VERDICTS)
def test_all_of_judges_as_a_strategys_own_list_does(verdicts: list[Verdict]) -> None:
    assert read({"type": "all_of", "verifiers": [MATH]}).combined(verdicts) == combine(verdicts)


@pytest.mark.parametrize(
    ("verdicts", "status", "score"),
    [
        ([FAIL, PASS, ERROR, ABSTAIN], "pass", 1.0),
        ([FAIL, ERROR, ABSTAIN], "error", 0.0),
        ([FAIL, ABSTAIN], "fail", 0.0),
        ([ABSTAIN, ABSTAIN], "abstain", None),
        ([ABSTAIN, Verdict(status="abstain", score=0.25)], "abstain", 0.25),
    ],
)
def test_any_of_takes_the_best(verdicts: list[Verdict], status: str, score: float | None) -> None:
    verdict = any_of(len(verdicts)).combined(verdicts)
    assert (verdict.status, verdict.score) == (status, score)


def test_what_passes_by_one_verifier_is_not_told_what_the_others_said() -> None:
    verdict = any_of(2).combined([FAIL, PASS])
    assert verdict.feedback is None
    assert verdict.note == "f\np"


def test_what_fails_by_all_is_told_what_each_said() -> None:
    other = Verdict(status="fail", score=0.0, feedback="Also wrong.")
    assert any_of(3).combined([FAIL, other, ABSTAIN]).feedback == "Wrong.\nAlso wrong."


@pytest.mark.parametrize(
    ("statuses", "told", "expected"),
    [
        (("pass", "pass"), (True, False), True),
        (("pass", "fail"), (False, True), False),
        (("fail", "fail"), (True, False), False),
        (("fail", "fail"), (True, True), True),
    ],
)
def test_a_model_learns_of_any_of_only_what_it_may(
    statuses: Sequence[Any], told: Sequence[bool], *, expected: bool
) -> None:
    verdicts = [Verdict(status=status, told=may) for status, may in zip(statuses, told, strict=True)]
    assert any_of(2).combined(verdicts).told is expected


@pytest.mark.parametrize(
    ("weights", "verdicts", "status", "score"),
    [
        ((3.0, 1.0), [PASS, FAIL], "pass", 0.75),
        ((1.0, 3.0), [PASS, FAIL], "fail", 0.25),
        ((1.0, 9.0), [PASS, ABSTAIN], "pass", 1.0),
        ((1.0, 1.0), [ABSTAIN, ABSTAIN], "abstain", None),
        ((9.0, 1.0), [PASS, ERROR], "error", 1.0),
        ((1.0, 1.0), [FAIL, Verdict(status="abstain", score=1.0)], "pass", 0.5),
    ],
)
def test_weighted_is_the_mean_of_the_scores_there_are(
    weights: Sequence[float], verdicts: list[Verdict], status: str, score: float | None
) -> None:
    verdict = weighted(*weights).combined(verdicts)
    assert (verdict.status, verdict.score) == (status, score)


def test_weighted_reaches_its_bar_whatever_floats_make_of_tenths() -> None:
    assert weighted(0.1, 0.2, 0.7, pass_at=0.3).combined([PASS, PASS, FAIL]).status == "pass"
    assert weighted(0.7, 0.2, 0.1, pass_at=0.3).combined([FAIL, PASS, PASS]).status == "pass"


def test_weighted_without_a_bar_only_scores() -> None:
    verdict = weighted(1.0, 1.0, pass_at=None).combined([PASS, FAIL])
    assert (verdict.status, verdict.score) == ("abstain", 0.5)


def test_a_weighted_fail_always_says_something() -> None:
    low = Verdict(status="abstain", score=0.1)
    assert weighted(1.0).combined([low]).feedback == "This was judged to be not good enough."
    assert weighted(1.0, 1.0).combined([low, FAIL]).feedback == "Wrong."
    assert weighted(3.0, 1.0).combined([PASS, FAIL]).feedback is None


@given(VERDICTS, st.data())
def test_every_composite_keeps_outputs_and_the_scores_bounds(verdicts: list[Verdict], data: st.DataObject) -> None:
    weights = data.draw(st.lists(st.floats(1e-6, 1e6), min_size=len(verdicts), max_size=len(verdicts)))
    scores = [verdict.score for verdict in verdicts if verdict.score is not None]
    for composite in (any_of(len(verdicts)), weighted(*weights)):
        verdict = composite.combined(verdicts)
        assert verdict.outputs == tuple(output for one in verdicts for output in one.outputs)
        assert (verdict.score is None) == (not scores)
        assert verdict.score is None or 0.0 <= verdict.score <= 1.0
        if verdict.told:
            assert any(one.told for one in verdicts)


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=8))
def test_all_perfect_is_perfect(weights: list[float]) -> None:
    assert weighted(*weights).combined([PASS] * len(weights)).score == 1.0


def test_parts_are_judged_and_found_at_every_depth(runner: asyncio.Runner, tools: VerifierTools) -> None:
    inner = {"type": "weighted", "verifiers": [{"verifier": MATH, "weight": 3.0}, {"verifier": LONG}]}
    verifier = read({"type": "all_of", "verifiers": [{"type": "any_of", "verifiers": [LONG, MATH]}, inner]})
    verdict = runner.run(judge_all([verifier], CANDIDATE, tools))
    assert verdict == Verdict(status="pass", score=0.875)
    assert [one.name for one in every([verifier])] == [
        "all_of",
        *("any_of", "regex", "math"),
        *("weighted", "math", "regex"),
    ]


class Slow(Verifier):
    type: Literal["slow"] = "slow"

    async def verify(self, candidate: Candidate, tools: VerifierTools) -> Verdict:  # noqa: ARG002 - the interface
        await asyncio.Event().wait()
        raise AssertionError


class Lacking(Verifier):
    """Spends, and finds nothing that it needs."""

    type: Literal["lacking"] = "lacking"

    async def check(self, tools: VerifierTools) -> None:  # noqa: ARG002 - the interface
        raise SandboxUnavailableError("there is no sandbox", param="language")

    def expenses(self, prompt_tokens: int, candidate_tokens: int) -> Sequence[Expense]:
        return [Expense(calls=1, usage=Usage(prompt=prompt_tokens + candidate_tokens))]

    async def verify(self, candidate: Candidate, tools: VerifierTools) -> Verdict:  # noqa: ARG002 - the interface
        raise AssertionError


def test_a_part_that_is_late_takes_nothing_from_what_the_others_said(
    runner: asyncio.Runner, tools: VerifierTools
) -> None:
    async def scenario() -> Verdict | None:
        until = asyncio.get_running_loop().time() + 0.1
        either = AnyOf.model_construct(verifiers=(AnyOf.model_construct(verifiers=(Slow(), any_of(1))), Slow()))
        return await judge_all([either], CANDIDATE, verifier_tools(tools.offload, until=until))

    late = "The verifier slow ran out of time."
    assert runner.run(scenario()) == Verdict(status="pass", score=1.0, note=late)


@pytest.mark.parametrize(
    ("verifier", "path"),
    [
        (AllOf.model_construct(verifiers=(MathVerifier(answer="1"), Lacking())), "verifiers.1.language"),
        (
            WeightedVerifier.model_construct(
                verifiers=(Share.model_construct(verifier=AnyOf.model_construct(verifiers=(Lacking(),)), weight=1.0),)
            ),
            "verifiers.0.verifier.verifiers.0.language",
        ),
    ],
)
def test_what_a_part_lacks_is_told_with_its_path(runner: asyncio.Runner, verifier: Composite, path: str) -> None:
    with pytest.raises(SandboxUnavailableError) as caught:
        runner.run(verifier.check(verifier_tools()))
    assert caught.value.param == path
    with pytest.raises(QuorumError, match="there is no sandbox") as told:
        runner.run(check_parts(Single().model_copy(update={"verifiers": (verifier,)}), verifier_tools()))
    assert (told.value.status, told.value.param) == (400, f"strategy.verifiers.0.{path}")


def test_the_parts_expenses_are_all_counted() -> None:
    verifier = AllOf.model_construct(verifiers=(Lacking(), AnyOf.model_construct(verifiers=(Lacking(),))))
    assert list(verifier.expenses(10, 5)) == [Expense(calls=1, usage=Usage(prompt=15))] * 2


def nested(levels: int) -> dict[str, object]:
    spec: dict[str, object] = dict(MATH)
    for level in range(levels):
        kind = ("all_of", "any_of")[level % 2]
        spec = {"type": kind, "verifiers": [spec]}
    return spec


@pytest.mark.parametrize(
    ("spec", "wrong"),
    [
        (nested(MAX_DEPTH + 1), "at most 4 deep"),
        (nested(900), "depth exceeded"),
        ({"type": "all_of", "verifiers": []}, "at least one"),
        ({"type": "weighted", "verifiers": []}, "at least one"),
        ({"type": "all_of", "verifiers": [MATH] * 9}, "at most 8"),
        ({"type": "all_of", "verifiers": [{"type": "any_of", "verifiers": [MATH] * 8}] * 4}, "here 36"),
        ({"type": "weighted", "verifiers": [MATH]}, "Field required"),
        ({"type": "weighted", "verifiers": [{"verifier": MATH, "weight": 0.0}]}, "greater than 0"),
        ({"type": "weighted", "verifiers": [{"verifier": MATH, "weight": True}]}, "valid number"),
        ({"type": "weighted", "verifiers": [{"verifier": MATH}], "pass_at": 1.5}, "less than or equal to 1"),
    ],
)
def test_composites_are_bounded(spec: dict[str, object], wrong: str) -> None:
    with pytest.raises(ValidationError, match=wrong):
        read(spec)


def test_as_deep_and_as_wide_as_is_allowed(runner: asyncio.Runner, tools: VerifierTools) -> None:
    widest = read({"type": "all_of", "verifiers": [{"type": "any_of", "verifiers": [MATH] * 7}] * 4})
    assert len(list(every(widest.parts))) == MAX_ALL_PARTS
    assert runner.run(judge_all([read(nested(MAX_DEPTH)), widest], CANDIDATE, tools)) == Verdict(status="pass", score=1)


def test_a_share_can_be_made_in_python() -> None:
    verifier = WeightedVerifier(verifiers=(Share(verifier=MathVerifier(answer="1"), weight=2.0),))
    assert verifier.spec["verifiers"] == [{"verifier": {"type": "math", "answer": "1"}, "weight": 2.0}]


def test_a_check_that_finds_nothing_missing_says_nothing(runner: asyncio.Runner) -> None:
    runner.run(any_of(2).check(verifier_tools()))
