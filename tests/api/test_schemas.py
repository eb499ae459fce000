"""A request of any length is refused by its first mistakes."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.api.schemas import read_request
from app.errors import InvalidRequestError

HI = [{"role": "user", "content": "hi"}]
MANY = 100_000


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"messages": [{"role": "user", "content": [1] * MANY}]}, "messages.0.content.0"),
        ({"tools": [1] * MANY}, "tools.0"),
        ({"stop": [1] * MANY}, "stop.0"),
    ],
)
def test_a_long_list_is_left_at_its_first_mistake(change: dict[str, object], param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        read_request({"model": "m", "messages": HI, **change})
    assert caught.value.param == param
    assert isinstance(caught.value.__cause__, ValidationError)
    assert caught.value.__cause__.error_count() <= 2
