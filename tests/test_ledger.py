from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.candidates import Candidate, Fate, Usage
from app.inquiry import SideCall
from app.ledger import Cost, account
from app.price import Price

TOKENS = st.integers(0, 5_000)
CANDIDATES = st.lists(
    st.builds(
        Candidate,
        index=st.integers(0, 99),
        finish_reason=st.sampled_from([None, "stop"]),
        usage=st.builds(Usage, prompt=TOKENS, cached=TOKENS, completion=TOKENS),
        fate=st.none() | st.sampled_from([fate for fate in Fate if fate is not Fate.VERIFIER]),
    ),
    max_size=12,
)


def drawn(tokens: int, fate: Fate, finish_reason: str | None = "stop") -> Candidate:
    return Candidate(index=0, finish_reason=finish_reason, usage=Usage(completion=tokens), fate=fate)


@given(CANDIDATES)
def test_the_account_is_the_sum_of_what_the_candidates_cost(candidates: list[Candidate]) -> None:
    cost = account(candidates, undrawn=0, calls=3, model="m", prices={}, busy_s=0.0)
    assert cost.usage.prompt == sum(one.usage.prompt for one in candidates)
    assert cost.usage.cached == sum(one.usage.cached for one in candidates)
    assert cost.usage.completion == sum(one.usage.completion for one in candidates)
    assert (cost.usd, cost.calls) == (None, 3)


@given(CANDIDATES)
def test_every_completion_token_is_booked_under_one_fate(candidates: list[Candidate]) -> None:
    cost = account(candidates, undrawn=0, calls=0, model="m", prices={}, busy_s=0.0)
    assert set(cost.completion_by_fate) == set(Fate)
    assert sum(cost.completion_by_fate.values()) == cost.usage.completion
    for fate in set(Fate) - {Fate.FAILED}:
        assert cost.completion_by_fate[fate] == sum(one.usage.completion for one in candidates if one.fate == fate)


@given(CANDIDATES, st.integers(0, 20))
def test_nothing_is_saved_where_nothing_was_left_out(candidates: list[Candidate], undrawn: int) -> None:
    cost = account(candidates, undrawn=undrawn, calls=0, model="m", prices={}, busy_s=0.0)
    cut = any(one.fate == Fate.CANCELLED and not one.finished for one in candidates)
    assert cost.saved_estimate >= 0
    assert cut or undrawn or cost.saved_estimate == 0


def saved(ended: list[int], cut: list[int], undrawn: int = 0) -> int:
    candidates = [*(drawn(one, Fate.COUNTED) for one in ended), *(drawn(one, Fate.CANCELLED, None) for one in cut)]
    return account(candidates, undrawn=undrawn, calls=0, model="m", prices={}, busy_s=0.0).saved_estimate


def test_what_was_cut_off_would_have_ended_as_far_apart_as_what_ended() -> None:
    assert saved([100, 200], [200, 200, 200]) == 100 + 200 + 300
    assert saved([100, 200], [50, 250]) == (300 - 50) + (375 - 250)


def test_what_was_not_drawn_would_have_been_as_long_as_the_others_in_the_mean() -> None:
    assert saved([100, 300], [], undrawn=2) == 2 * 200
    assert saved([100, 200], [50, 250], undrawn=4) == 250 + 125 + 4 * (100 + 200 + 300 + 375) / 4


def test_one_that_ended_says_nothing_of_how_much_longer_others_become() -> None:
    assert saved([100], [40, 100, 150], undrawn=2) == (100 - 40) + 2 * (100 + 100 + 100 + 150) / 4


def test_what_had_ended_before_it_could_be_counted_spares_nothing() -> None:
    late = drawn(250, Fate.CANCELLED)
    candidates = [drawn(100, Fate.SELECTED), drawn(200, Fate.COUNTED), late]
    assert account(candidates, undrawn=0, calls=0, model="m", prices={}, busy_s=0.0).saved_estimate == 0


def test_nothing_is_taken_to_become_longer_than_three_times_the_longest_seen() -> None:
    assert saved([10, 100], [100] * 30) == 30 * ((100 + 3 * 100) / 2 - 100)


def test_what_was_written_from_the_candidates_says_nothing_of_how_long_another_would_have_been() -> None:
    written = replace(drawn(900, Fate.SELECTED), synthesized=True)
    candidates = [drawn(100, Fate.COUNTED), written]
    assert account(candidates, undrawn=2, calls=0, model="m", prices={}, busy_s=0.0).saved_estimate == 200


def test_without_anything_finished_nothing_can_be_said_of_savings() -> None:
    cut = [drawn(50, Fate.CANCELLED, None)]
    assert account(cut, undrawn=5, calls=0, model="m", prices={}, busy_s=0.0).saved_estimate == 0


def test_money_is_counted_by_the_models_price() -> None:
    candidates = [drawn(500_000, Fate.SELECTED), drawn(500_000, Fate.FAILED, None)]
    assert (
        account(candidates, undrawn=0, calls=2, model="m", prices={"m": Price(completion=3.0)}, busy_s=9.0).usd == 3.0
    )
    assert (
        account(candidates, undrawn=0, calls=2, model="m", prices={"m": Price(gpu_hour=3_600.0)}, busy_s=9.0).usd == 9.0
    )


def asked(model: str, completion: int = 0, *, prompt: int = 0, began: float = 0.0, seconds: float = 1.0) -> SideCall:
    return SideCall(model=model, usage=Usage(prompt=prompt, completion=completion), began=began, seconds=seconds)


TIMES = st.floats(0, 9)
MODELS = st.sampled_from(["m", "judge", "writer"])
SIDE_CALLS = st.lists(st.builds(asked, MODELS, TOKENS, prompt=TOKENS, began=TIMES, seconds=TIMES), max_size=8)


def cost_of(
    candidates: list[Candidate], side_calls: list[SideCall], prices: dict[str, Price], busy_s: float = 0.0
) -> Cost:
    return account(candidates, undrawn=0, calls=0, model="m", prices=prices, busy_s=busy_s, side_calls=side_calls)


@given(CANDIDATES, SIDE_CALLS)
def test_what_stands_beside_the_candidates_is_part_of_the_sum_and_under_its_model(
    candidates: list[Candidate], side_calls: list[SideCall]
) -> None:
    cost = cost_of(candidates, side_calls, {})
    assert cost.usage == sum((one.usage for one in (*candidates, *side_calls)), Usage())
    assert cost.completion_by_fate[Fate.VERIFIER] == sum(call.usage.completion for call in side_calls)
    assert sum(cost.completion_by_fate.values()) == cost.usage.completion
    for model, usage in cost.beside.items():
        assert usage == sum((call.usage for call in side_calls if call.model == model), Usage())


@given(CANDIDATES, SIDE_CALLS)
def test_money_is_the_sum_over_the_models_by_their_prices(
    candidates: list[Candidate], side_calls: list[SideCall]
) -> None:
    prices = {"m": Price(completion=1.0), "judge": Price(completion=10.0), "writer": Price(prompt=3.0)}
    drawn = sum((one.usage for one in candidates), Usage())
    wanted = prices["m"].of(drawn) + sum(prices[call.model].of(call.usage) for call in side_calls)
    assert cost_of(candidates, side_calls, prices).usd == pytest.approx(wanted)


def test_without_the_price_of_one_model_no_sum_is_told() -> None:
    candidates, prices = [drawn(10, Fate.SELECTED)], {"m": Price(completion=1.0)}
    assert cost_of(candidates, [asked("m", 5)], prices).usd is not None
    assert cost_of(candidates, [asked("judge", 5)], prices).usd is None
    assert cost_of(candidates, [asked("judge", 5)], {"judge": Price(completion=1.0)}).usd is None


def test_an_hour_of_the_requests_own_model_is_paid_once_though_it_judges_too() -> None:
    hourly = {"m": Price(gpu_hour=3_600.0)}
    assert cost_of([drawn(1, Fate.SELECTED)], [asked("m", seconds=5.0)], hourly, busy_s=7.0).usd == 7.0


def test_calls_at_the_same_time_take_the_hour_of_another_model_once() -> None:
    prices = {"m": Price(), "judge": Price(gpu_hour=3_600.0)}
    calls = [
        asked("judge", began=0.0, seconds=4.0),
        asked("judge", began=1.0, seconds=2.0),
        asked("judge", began=3.0, seconds=2.0),
    ]
    assert cost_of([], calls, prices, busy_s=9.0).usd == 5.0
    assert cost_of([], [*calls, asked("judge", began=8.0)], prices, busy_s=9.0).usd == 6.0


def test_a_candidate_that_another_model_has_written_is_paid_by_its_price() -> None:
    written = replace(drawn(1_000_000, Fate.SELECTED), model="writer", latency_ms=2_000.0)
    candidates = [drawn(1_000_000, Fate.COUNTED), written]
    assert cost_of(candidates, [], {"m": Price(completion=1.0), "writer": Price(completion=5.0)}).usd == 6.0
    assert cost_of(candidates, [], {"m": Price(completion=1.0), "writer": Price(gpu_hour=3_600.0)}).usd == 3.0
    assert cost_of(candidates, [], {"m": Price(completion=1.0)}).usd is None
    assert cost_of(candidates, [], {}).completion_by_fate[Fate.SELECTED] == 1_000_000
