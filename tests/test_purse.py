from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.budget import Budget
from app.candidates import Usage
from app.price import Price
from app.purse import Purse, Room

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


@given(
    max_tokens=st.integers(1, 400),
    max_usd=st.none() | st.floats(0.05, 3),
    candidate_tokens=st.integers(1, 40),
    judging_tokens=st.integers(0, 20),
    closing_tokens=st.integers(0, 60),
    random=st.randoms(use_true_random=False),
)
def test_with_judges_and_an_aggregator_nothing_exceeds_the_limits_and_all_find_their_room(
    *,
    max_tokens: int,
    max_usd: float | None,
    candidate_tokens: int,
    judging_tokens: int,
    closing_tokens: int,
    random: Random,
) -> None:
    price = Price(prompt=20_000, completion=3_000)
    judge = Price(prompt=10_000, completion=7_000)
    judging, closing = (
        Room(tokens=tokens, usd=judge.of(Usage(prompt=PROMPT, completion=tokens))) if tokens else Room()
        for tokens in (judging_tokens, closing_tokens)
    )
    purse = Purse(
        Budget(max_completion_tokens=max_tokens, max_cost_usd=max_usd),
        price=price,
        candidate_tokens=candidate_tokens,
        judging=judging,
        closing=closing,
    )
    drawn, aside = Usage(), Usage()
    drawing = 0

    def ask(tokens: int) -> None:
        """What has room reserved for it gets it, and leaves some of it over."""
        nonlocal aside
        assert purse.set_aside(PROMPT, tokens, judge)
        used = Usage(prompt=PROMPT, completion=random.randint(0, tokens))
        purse.settle(PROMPT, tokens, used, judge)
        aside += used

    def within() -> bool:
        worst = drawn + Usage(prompt=drawing * PROMPT, completion=drawing * candidate_tokens)
        usd = price.of(worst) + judge.of(aside)
        return worst.completion + aside.completion <= max_tokens and (max_usd is None or usd <= max_usd + 1e-9)

    if not purse.affords(PROMPT):
        return
    for _ in range(30):
        if random.random() < 0.6 and purse.reserve(PROMPT):
            drawing += 1
        elif drawing:
            if judging_tokens and random.random() < 0.8:  # a candidate that was cut off isn't judged
                ask(judging_tokens)
            used = Usage(prompt=PROMPT, completion=random.randint(0, candidate_tokens))
            purse.spend(used.completion)
            purse.release(PROMPT, used)
            drawn, drawing = drawn + used, drawing - 1
        assert within()
    purse.gathered()
    if closing_tokens:
        ask(closing_tokens)
    assert within()


def kept(*, candidate_tokens: int | None, max_tokens: int | None = None, max_usd: float | None = None) -> Purse:
    return Purse(
        Budget(max_completion_tokens=max_tokens, max_cost_usd=max_usd),
        price=Price(completion=1_000_000),
        candidate_tokens=candidate_tokens,
        closing=Room(tokens=30, usd=30.0),
    )


def test_what_is_kept_free_for_the_end_is_there_once_everything_has_gathered() -> None:
    purse = kept(candidate_tokens=10, max_tokens=55)
    assert [purse.reserve(PROMPT) for _ in range(3)] == [True, True, False]
    assert purse.set_aside(PROMPT, 5, None)
    assert not purse.set_aside(PROMPT, 1, None)
    purse.gathered()
    assert purse.set_aside(PROMPT, 30, None)
    assert not purse.set_aside(PROMPT, 1, None)


@pytest.mark.parametrize("limit", [{"max_tokens": 100}, {"max_usd": 100.0}])
def test_candidates_of_unknown_length_are_cut_off_before_they_use_up_what_is_kept_free(limit: dict[str, int]) -> None:
    purse = kept(candidate_tokens=None, **limit)
    assert purse.reserve(PROMPT)
    assert purse.tokens_left == 70
    purse.spend(70)
    assert not purse.overdrawn
    purse.spend(1)
    assert purse.overdrawn


@pytest.mark.parametrize("limit", [{"max_completion_tokens": 100}, {"max_cost_usd": 100.0}])
def test_candidates_of_unknown_length_leave_their_judges_room(limit: dict[str, int]) -> None:
    price = Price(completion=1_000_000)
    judging = Room(tokens=10, usd=10.0)
    purse = Purse(Budget.model_validate(limit), price=price, candidate_tokens=None, judging=judging)
    assert purse.reserve(PROMPT)
    assert purse.tokens_left == 90
    assert purse.reserve(PROMPT)
    assert purse.tokens_left == 80
    purse.spend(80)
    assert not purse.overdrawn
    for _ in range(2):
        assert purse.set_aside(PROMPT, 10, price)
        assert not purse.overdrawn
    purse.spend(1)
    assert purse.overdrawn


def test_what_a_call_leaves_over_of_its_room_is_there_for_others() -> None:
    purse = filled(max_tokens=20)
    assert purse.set_aside(PROMPT, 15, None)
    assert not purse.set_aside(PROMPT, 6, None)
    purse.settle(PROMPT, 15, Usage(prompt=PROMPT, completion=4), None)
    assert purse.set_aside(PROMPT, 16, None)


def test_money_is_set_aside_by_the_price_of_the_model_that_is_asked() -> None:
    purse = filled(max_usd=10.0)
    dear = Price(prompt=1_000_000, completion=2_000_000)
    assert not purse.set_aside(3, 4, dear)
    assert purse.set_aside(2, 4, dear)
    assert purse.set_aside(9, 9, None)
    assert not purse.set_aside(1, 0, dear)
    purse.settle(2, 4, Usage(prompt=2, completion=1), dear)
    assert purse.set_aside(2, 2, dear)
