from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.budget import Budget


@pytest.mark.parametrize(
    "fields",
    [
        {"max_completion_tokens": 0},
        {"max_cost_usd": 0.0},
        {"max_cost_usd": float("nan")},
        {"deadline_s": 0.0},
        {"deadline_s": 86_401.0},
        {"tokens": 9},
    ],
)
def test_a_budget_that_allows_for_nothing_or_says_something_else_is_refused(fields: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Budget.model_validate(fields)


def test_nothing_is_limited_unless_said() -> None:
    assert Budget().model_dump(exclude_none=True) == {}
