from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.budget import Budget
from app.candidates import Usage
from app.price import Price
from app.purse import Purse

if TYPE_CHECKING:
    from random import Random

PROMPT = 1
"""Tokens of every prompt here."""


def filled(
    *,
    max_tokens: int | None = None,
    max_usd: float | None = None,
    candidate_tokens: int | None = None,
    usd_a_prompt: float = 0.0,
    usd_a_token: float = 0.0,
) -> Purse:
    budget = Budget(max_completion_tokens=max_tokens, max_cost_usd=max_usd)
    price = Price(prompt=usd_a_prompt * 1_000_000, completion=usd_a_token * 1_000_000)
    return Purse(budget, price=price, candidate_tokens=candidate_tokens)


@given(
    max_tokens=st.integers(1, 300),
    candidate_tokens=st.integers(1, 100),
    max_usd=st.none() | st.floats(0.01, 10),
    lengths=st.lists(st.integers(0, 100), max_size=30),
    random=st.randoms(use_true_random=False),
)
def test_what_is_spent_and_reserved_never_exceeds_the_limits(
    *, max_tokens: int, candidate_tokens: int, max_usd: float | None, lengths: list[int], random: Random
) -> None:
    a_prompt, a_token = 0.02, 0.003
    purse = filled(
        max_tokens=max_tokens,
        max_usd=max_usd,
        candidate_tokens=candidate_tokens,
        usd_a_prompt=a_prompt,
        usd_a_token=a_token,
    )
    drawing: list[int] = []
    spent = started = 0
    for length in lengths:
        if purse.reserve(PROMPT):
            started += 1
            drawing.append(min(length, candidate_tokens))
        worst = spent + len(drawing) * candidate_tokens
        assert worst <= max_tokens
        assert max_usd is None or worst * a_token + started * a_prompt <= max_usd + 1e-9
        if drawing and random.random() < 0.5:
            used = drawing.pop(random.randrange(len(drawing)))
            purse.spend(used)
            purse.release(PROMPT, Usage(prompt=PROMPT, completion=used))
            spent += used


@given(st.integers(1, 1_000), st.integers(1, 100))
def test_of_bounded_candidates_as_many_are_drawn_as_fit(max_tokens: int, candidate_tokens: int) -> None:
    purse = filled(max_tokens=max_tokens, candidate_tokens=candidate_tokens)
    drawn = 0
    while purse.reserve(PROMPT):
        drawn += 1
    assert drawn == max_tokens // candidate_tokens


def test_what_a_candidate_left_over_makes_room_for_another() -> None:
    purse = filled(max_tokens=100, candidate_tokens=60)
    assert purse.reserve(PROMPT)
    assert not purse.reserve(PROMPT)
    purse.spend(40)
    purse.release(PROMPT, Usage(prompt=PROMPT, completion=40))
    assert purse.affords(PROMPT)
    assert purse.reserve(PROMPT)


def test_without_limits_everything_fits() -> None:
    purse = filled(usd_a_token=1.0)
    purse.spend(10**9)
    assert purse.reserve(PROMPT)
    assert (purse.overdrawn, purse.tokens_left) == (False, None)


def test_unbounded_candidates_are_drawn_until_the_tokens_are_used_up_and_cut_off_beyond_that() -> None:
    purse = filled(max_tokens=100)
    assert [purse.reserve(PROMPT) for _ in range(3)] == [True] * 3
    purse.spend(99)
    assert (purse.overdrawn, purse.tokens_left, purse.affords(PROMPT)) == (False, 1, True)
    purse.spend(1)
    assert (purse.overdrawn, purse.tokens_left, purse.affords(PROMPT)) == (False, 0, False)
    purse.spend(1)
    assert (purse.overdrawn, purse.affords(PROMPT)) == (True, False)


def test_a_worker_that_corrects_its_count_downwards_gives_tokens_back() -> None:
    purse = filled(max_tokens=100)
    purse.spend(110)
    assert purse.overdrawn
    purse.spend(-20)
    assert (purse.overdrawn, purse.tokens_left) == (False, 10)


def test_money_pays_for_prompts_and_tokens() -> None:
    purse = filled(max_usd=1.0, usd_a_prompt=0.25, usd_a_token=0.125)
    assert purse.reserve(PROMPT)
    assert purse.tokens_left == 6
    assert purse.reserve(PROMPT)
    assert purse.tokens_left == 4
    purse.spend(4)
    assert (purse.overdrawn, purse.reserve(PROMPT)) == (False, False)
    purse.spend(1)
    assert purse.overdrawn


def test_candidates_whose_length_is_bounded_may_end_though_they_use_up_all_there_is() -> None:
    purse = filled(max_tokens=20, candidate_tokens=10)
    assert [purse.reserve(PROMPT) for _ in range(3)] == [True, True, False]
    purse.spend(20)
    assert not purse.overdrawn


def test_a_prompt_that_costs_more_than_there_is_affords_nobody() -> None:
    assert not filled(max_usd=1.0, usd_a_prompt=2.0).affords(PROMPT)


@pytest.mark.parametrize(("max_tokens", "affords"), [(9, False), (10, True)])
def test_a_budget_smaller_than_one_candidate_affords_nobody(*, max_tokens: int, affords: bool) -> None:
    assert filled(max_tokens=max_tokens, candidate_tokens=10).affords(PROMPT) == affords


def test_the_real_price_of_a_prompt_takes_the_place_of_the_guess() -> None:
    purse = filled(max_usd=1.0, usd_a_prompt=0.125)
    assert purse.reserve(4)
    assert not purse.affords(5)
    purse.release(4, Usage(prompt=7))
    assert purse.affords(1)
    assert not purse.affords(2)
