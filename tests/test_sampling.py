from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.sampling import MAX_SEED, Sampling

INDICES = st.integers(0, 1_023)
SEEDS = st.integers(0, MAX_SEED)


def test_without_overrides_nothing_is_overridden() -> None:
    assert Sampling().fields_for(3, None) == {}


@given(INDICES, st.lists(st.floats(0, 2), min_size=1, max_size=5))
def test_a_ladder_of_temperatures_is_walked_by_the_candidates_number(index: int, ladder: list[float]) -> None:
    assert Sampling(temperature=tuple(ladder)).fields_for(index, None) == {"temperature": ladder[index % len(ladder)]}


@given(SEEDS, st.none() | SEEDS)
def test_seeds_count_up_stay_in_range_and_are_never_alike(seed: int, requested: int | None) -> None:
    drawn = [Sampling(seed=seed).fields_for(index, requested)["seed"] for index in range(20)]
    assert drawn[0] == seed
    assert len(set(drawn)) == 20
    assert all(isinstance(one, int) and 0 <= one <= MAX_SEED for one in drawn)


@given(INDICES, SEEDS)
def test_a_seed_of_the_request_counts_up_where_the_strategy_has_none(index: int, seed: int) -> None:
    assert Sampling().fields_for(index, seed) == {"seed": (seed + index) % (MAX_SEED + 1)}


def test_zero_is_an_override_and_not_a_missing_one() -> None:
    fields = Sampling(temperature=0.0, min_p=0.0, presence_penalty=0.0, seed=0).fields_for(0, 7)
    assert fields == {"temperature": 0.0, "min_p": 0.0, "presence_penalty": 0.0, "seed": 0}


def test_all_other_overrides_are_sent_in_openais_names() -> None:
    given_ = {"top_p": 0.9, "top_k": 40, "frequency_penalty": 1.0, "repetition_penalty": 1.1}
    assert Sampling.model_validate(given_).fields_for(5, None) == given_


def test_the_token_limit_is_left_to_the_job_which_knows_the_requests_own() -> None:
    assert Sampling(max_tokens=9).fields_for(0, None) == {}


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 2.1},
        {"temperature": []},
        {"temperature": [0.5, -0.1]},
        {"temperature": [0.5] * 65},
        {"temperature": float("nan")},
        {"top_p": 0.0},
        {"max_tokens": 0},
        {"seed": MAX_SEED + 1},
        {"seed": -1},
        {"heat": 1.0},
    ],
)
def test_what_no_engine_takes_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Sampling.model_validate(fields)
