from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.stopping.any_of import AnyOf
from app.stopping.beta import Beta
from app.stopping.finishers import Finishers
from app.stopping.race import Race
from app.stopping.window import Window
from tests.stopping.runs import board_of, stopped, votes


def test_the_rule_that_fires_first_is_named() -> None:
    rule = AnyOf(rules=(Race(votes=3), Finishers(count=4)))
    assert stopped(board_of(rule), votes(0, 1, 0, 0, 0)) == (4, "race")
    assert stopped(board_of(rule), votes(0, 1, 2, 3)) == (4, "finishers")


def test_of_several_at_once_the_first_of_the_list_is_named() -> None:
    assert stopped(board_of(AnyOf(rules=(Finishers(count=2), Race(votes=2)))), votes(0, 0)) == (2, "finishers")


def test_every_rule_is_told_of_every_candidate() -> None:
    rule = AnyOf(rules=(Window(size=2), Finishers(count=4)))
    assert stopped(board_of(rule, enough=5), votes(0, 0, 1, 2, 3)) == (5, "window")


def test_a_run_remembers_nothing_of_the_last_one_with_the_same_rule() -> None:
    rule = AnyOf(rules=(Window(size=4), Finishers(count=3)))
    assert stopped(board_of(rule), votes(0, 1)) is None
    assert stopped(board_of(rule), votes(0, 1)) is None


def test_rules_may_be_named() -> None:
    assert AnyOf.model_validate({"rules": ["race", "beta"]}).rules == (Race(), Beta())


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (["race"], "at least 2"),
        (["race"] * 9, "at most 8"),
        (["race", {"type": "any_of", "rules": ["race", "beta"]}], "any_of"),
        (["race", "none"], "none"),
    ],
)
def test_it_takes_two_to_eight_rules_that_may_fire(rules: list[object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        AnyOf.model_validate({"rules": rules})
