from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.workers.health import COLDEST, Health, HealthRules, Reason, State

RULES = HealthRules(strikes=3, backoff_s=5.0, max_backoff_s=60.0, slow_start_s=10.0)


def test_strikes_in_a_row_eject_and_a_success_between_them_forgives() -> None:
    health = Health()
    assert [health.strike(RULES), health.strike(RULES)] == [False, False]
    health.succeeded(RULES, 0.0)
    assert [health.strike(RULES), health.strike(RULES), health.strike(RULES)] == [False, False, True]


def test_an_ejected_worker_is_on_trial_when_its_time_is_over_and_a_success_brings_it_back() -> None:
    health = Health()
    assert health.eject(RULES, Reason.FAILURES, 100.0) == 5.0
    assert not health.try_again(104.9)
    assert health.try_again(105.0)
    assert health.state is State.ON_TRIAL
    assert health.succeeded(RULES, 106.0)
    assert health.state is State.IN_SERVICE


def test_one_strike_on_trial_ejects_for_twice_as_long() -> None:
    health = Health()
    health.eject(RULES, Reason.FAILURES, 0.0)
    health.try_again(5.0)
    assert health.strike(RULES)
    assert health.eject(RULES, Reason.FAILURES, 5.0) == 10.0


def test_back_off_begins_anew_after_the_worker_has_served_for_as_long() -> None:
    health = Health()
    health.eject(RULES, Reason.FAILURES, 0.0)
    health.try_again(5.0)
    health.succeeded(RULES, 5.0)
    health.succeeded(RULES, 9.0)
    assert health.ejections == 1
    health.succeeded(RULES, 10.1)
    assert health.ejections == 0


@given(st.integers(1, 10_000))
def test_back_off_doubles_up_to_its_most(ejections: int) -> None:
    assert RULES.backoff(ejections) == min(60.0, 5.0 * 2 ** min(ejections - 1, 50))


@pytest.mark.parametrize(("age_s", "share"), [(0.0, COLDEST), (5.0, 0.5), (10.0, 1.0), (1e9, 1.0)])
def test_a_worker_that_came_back_is_warmed_up(age_s: float, share: float) -> None:
    health = Health()
    health.start(50.0)
    assert health.warmth(RULES, 50.0 + age_s) == share


def test_a_worker_that_was_never_away_is_warm_and_so_is_any_without_slow_start() -> None:
    assert Health().warmth(RULES, 0.0) == 1.0
    health = Health()
    health.start(50.0)
    assert health.warmth(HealthRules(slow_start_s=0.0), 50.0) == 1.0
