from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.candidates import Usage
from app.price import Price, seconds_for

USAGE = Usage(prompt=1_000_000, cached=400_000, completion=2_000_000)


def test_each_kind_of_token_has_its_price_a_million() -> None:
    assert Price(prompt=1.0, prompt_cached=0.5, completion=2.0).of(USAGE) == pytest.approx(0.6 + 0.2 + 4.0)


def test_cached_prompt_tokens_cost_like_others_where_nothing_is_said_of_them() -> None:
    assert Price(prompt=1.0).of(USAGE) == pytest.approx(1.0)
    assert Price(prompt=1.0, prompt_cached=0.0).of(USAGE) == pytest.approx(0.6)


def test_by_the_hour_only_time_costs() -> None:
    price = Price(gpu_hour=3.6)
    assert price.of(USAGE, busy_s=10.0) == pytest.approx(0.01)
    assert seconds_for(0.01, [price]) == pytest.approx(10.0)
    assert seconds_for(0.01, [price, Price(gpu_hour=14.4), Price(completion=1.0), None]) == pytest.approx(2.0)
    assert seconds_for(1.0, [Price(completion=1.0), None]) is None


@pytest.mark.parametrize(
    "fields", [{"gpu_hour": 1.0, "prompt": 1.0}, {"prompt": -1.0}, {"gpu_hour": 0.0}, {"per_call": 1.0}]
)
def test_a_price_that_contradicts_itself_is_refused(fields: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Price.model_validate(fields)
