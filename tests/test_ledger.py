from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.candidates import Candidate, Fate, Usage
from app.ledger import account
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
    cut = any(one.fate == Fate.CANCELLED for one in candidates)
    assert cost.saved_estimate >= 0
    assert cut or undrawn or cost.saved_estimate == 0


def test_savings_are_what_the_cut_and_the_undrawn_would_have_added_on_average() -> None:
    finished = [drawn(100, Fate.SELECTED), drawn(300, Fate.REJECTED)]
    cut = [drawn(50, Fate.CANCELLED, None), drawn(250, Fate.CANCELLED, None)]
    assert (
        account([*finished, *cut], undrawn=2, calls=0, model="m", prices={}, busy_s=0.0).saved_estimate == 150 + 2 * 200
    )


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
