"""A stop rule that can never fire under its strategy, or would mean nothing there, is refused, with what to change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.aggregators import AGGREGATORS
from app.api.selection import Selector
from app.errors import InvalidStrategyError
from app.parts import example_of, type_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.parts import Part

SELECTOR = Selector(default="single", presets={})
SCORED = {"verifiers": [{"type": "math", "answer": "1"}]}
TESTED = {"verifiers": [{"type": "tests", "public": [{"program": "assert f(1) == 2"}]}]}
PARALLEL = {"type": "parallel", "n": 8}
REJECT = {"type": "reject", "max_attempts": 8, "aggregator": "majority"}
RACE, BETA, WINDOW = {"type": "race", "votes": 2}, {"type": "beta"}, {"type": "window", "size": 2}


def refusal(spec: Mapping[str, object], stop: object) -> tuple[str | None, str]:
    """Return which field is at fault, and what is said of it."""
    with pytest.raises(InvalidStrategyError) as caught:
        SELECTOR.read({**spec, "stop": stop})
    return caught.value.param, caught.value.message


@pytest.mark.parametrize(
    ("stop", "field"),
    [
        ({"type": "race", "votes": 9}, "votes"),
        ({"type": "finishers", "count": 9}, "count"),
        ({"type": "window", "size": 9}, "size"),
        ({"type": "beta", "confidence": 0.999}, "confidence"),
    ],
)
@pytest.mark.parametrize("spec", [PARALLEL, {"type": "hybrid", "widths": [1, 3, 4]}, {**REJECT, "accept": 8}])
def test_more_than_the_strategy_draws(spec: dict[str, object], stop: dict[str, object], field: str) -> None:
    param, said = refusal(spec, stop)
    assert param == f"strategy.stop.{field}"
    assert f"`{field}`" in said
    assert "can't be reached" in said


def test_more_certainty_than_so_few_can_give() -> None:
    param, said = refusal(PARALLEL, {"type": "certified", "delta": 0.05})
    assert param == "strategy.stop.delta"
    assert "`delta` 0.05 can't be reached with 8 candidates" in said


@pytest.mark.parametrize(
    "stop",
    [
        {"type": "race", "votes": 8},
        {"type": "finishers", "count": 8},
        {"type": "window", "size": 8},
        {"type": "beta", "confidence": 0.998},
        {"type": "certified", "delta": 0.1},
    ],
)
def test_as_many_as_it_draws(stop: dict[str, object]) -> None:
    assert SELECTOR.read({**PARALLEL, "stop": stop}).stop.spec == stop


@pytest.mark.parametrize("stop", [RACE, WINDOW, {"type": "finishers", "count": 2}])
def test_of_reject_as_many_count_as_it_accepts(stop: dict[str, object]) -> None:
    assert "no more than 1 can be accepted" in refusal(REJECT, stop)[1]
    for enough in ({"accept": 2}, {"min_candidates": 2}):
        assert SELECTOR.read({**REJECT, **enough, "stop": stop}).stop.spec == stop


@pytest.mark.parametrize("stop", [RACE, BETA, WINDOW])
def test_where_duplicates_are_rejected_nothing_agrees(stop: dict[str, object]) -> None:
    different = {**REJECT, "accept": 8, "reject_if": ["duplicate_answer"]}
    assert "no more than 1 can be accepted" in refusal(different, stop)[1]
    assert SELECTOR.read({**different, "stop": {"type": "finishers", "count": 8}})


@pytest.mark.parametrize("stop", [RACE, {"type": "window", "size": 2}])
def test_options_need_one_more(stop: dict[str, object]) -> None:
    assert "few values takes 3" in refusal({**PARALLEL, "n": 2, "answer": "choice"}, stop)[1]
    assert SELECTOR.read({**PARALLEL, "n": 3, "answer": "choice", "stop": stop})


def test_options_need_three_under_any_confidence() -> None:
    unsure = {"type": "beta", "confidence": 0.6}
    assert "3 must agree, and no more than 2 can" in refusal({**PARALLEL, "n": 2, "answer": "choice"}, unsure)[1]
    assert SELECTOR.read({**PARALLEL, "n": 2, "stop": unsure})


@pytest.mark.parametrize("stop", ["race", "beta", "window", "certified"])
@pytest.mark.parametrize("kind", AGGREGATORS, ids=type_name)
def test_a_rule_that_goes_by_votes_needs_an_aggregator_that_does(kind: type[Part], stop: str) -> None:
    name = type_name(kind)
    spec = {**PARALLEL, "n": 16, "aggregator": example_of(kind), **(TESTED if name == "execution" else SCORED)}
    if name == "majority" or (name == "weighted" and stop != "certified"):
        assert SELECTOR.read({**spec, "stop": stop}).aggregator.name == name
        return
    param, said = refusal(spec, stop)
    assert param == "strategy.stop"
    assert "take" in said
    assert "`majority`" in said


@pytest.mark.parametrize("stop", ["decided", "none", "verified", {"type": "finishers", "count": 2}])
@pytest.mark.parametrize("kind", AGGREGATORS, ids=type_name)
def test_other_rules_take_any(kind: type[Part], stop: object) -> None:
    tested = type_name(kind) == "execution"
    assert SELECTOR.read({**PARALLEL, "aggregator": example_of(kind), "stop": stop, **(TESTED if tested else SCORED)})


@pytest.mark.parametrize("stop", ["race", "beta"])
def test_votes_that_may_weigh_anything_cannot_be_counted(stop: str) -> None:
    confident = {**PARALLEL, "aggregator": {"type": "weighted", "by": "mean_confidence"}}
    assert "weigh at most 1" in refusal(confident, stop)[1]
    assert SELECTOR.read({**confident, "stop": "window"})


@pytest.mark.parametrize(
    "spec",
    [
        {"type": "sequential", "rounds": 16},
        {"type": "hybrid", "widths": [1, 3, 12]},
        {**REJECT, "accept": 8},
        {**PARALLEL, "n": 16, "sampling": {"temperature": [0.2, 0.9]}},
    ],
)
def test_no_certificate_without_independent_samples_of_one_distribution(spec: dict[str, object]) -> None:
    assert "independent samples of one distribution" in refusal(spec, "certified")[1]


def test_verified_needs_a_verifier() -> None:
    assert refusal(PARALLEL, "verified") == (
        "strategy.stop",
        "stop: verified ends a run with the first pass of a verifier: add one to `verifiers`",
    )


REWARD = {"type": "reward_model", "model": "reward"}
OBSERVED = {"type": "tests", "entry_point": "f", "public": [{"args": [1]}]}
SCORING_ONLY = [
    REWARD,
    OBSERVED,
    {"type": "weighted", "verifiers": [{"verifier": {"type": "math", "answer": "1"}}], "pass_at": None},
    {"type": "all_of", "verifiers": [REWARD, OBSERVED]},
    {"type": "any_of", "verifiers": [REWARD]},
]


@pytest.mark.parametrize("verifier", SCORING_ONLY)
def test_verified_needs_a_verifier_that_may_pass(verifier: dict[str, object]) -> None:
    param, said = refusal({**PARALLEL, "verifiers": [REWARD, verifier]}, "verified")
    assert param == "strategy.stop"
    assert "none of `verifiers` ever passes" in said


@pytest.mark.parametrize(
    "verifier",
    [
        {**REWARD, "pass_at": 0.5},
        {"type": "webhook", "url": "https://verify.example.com/check"},
        {"type": "tests", "entry_point": "f", "public": [{"args": [1]}], "hidden": [{"args": [2], "expected": None}]},
        {"type": "weighted", "verifiers": [{"verifier": REWARD}]},
        {"type": "all_of", "verifiers": [REWARD, {"type": "math", "answer": "1"}]},
        {"type": "any_of", "verifiers": [REWARD, {**REWARD, "pass_at": 0.5}]},
    ],
)
def test_verified_takes_any_that_may(verifier: dict[str, object]) -> None:
    assert SELECTOR.read({**PARALLEL, "verifiers": [REWARD, verifier], "stop": "verified"})


@pytest.mark.parametrize(
    "stop",
    [
        "race",
        "window",
        "verified",
        {"type": "beta", "confidence": 0.9},
        {"type": "finishers", "count": 2},
        {"type": "certified", "delta": 0.2},
        {"type": "any_of", "rules": ["decided", "race"]},
    ],
)
def test_no_rule_can_end_a_run_early_that_needs_all(stop: object) -> None:
    spec = {**PARALLEL, **SCORED}
    param, said = refusal({**spec, "min_candidates": 8}, stop)
    assert param == "strategy.stop"
    assert "`min_candidates` (8) have to finish first" in said
    assert "lower `min_candidates`" in said
    assert SELECTOR.read({**spec, "min_candidates": 7, "stop": stop})


@pytest.mark.parametrize("spec", [{"type": "sequential", "rounds": 4}, {"type": "hybrid", "widths": [1, 3]}])
def test_nor_under_another_strategy(spec: dict[str, object]) -> None:
    assert "have to finish first" in refusal({**spec, "min_candidates": 4}, RACE)[1]


@pytest.mark.parametrize("stop", [{}, {"stop": "decided"}, {"stop": "none"}])
def test_what_never_changes_the_answer_need_not_end_a_run(stop: dict[str, object]) -> None:
    assert SELECTOR.read({**PARALLEL, "min_candidates": 8, **stop})


def test_a_rule_inside_any_of_is_named_by_its_place() -> None:
    param, _ = refusal(PARALLEL, {"type": "any_of", "rules": ["decided", {"type": "race", "votes": 9}]})
    assert param == "strategy.stop.rules.1.votes"


def test_single_still_takes_none() -> None:
    assert "no stop rule" in refusal({"type": "single"}, RACE)[1]
