"""A request of any length is refused by its first mistakes."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.api.schemas import read_json, read_request
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


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_a_requests_own_limit_of_tokens_is_bounded(name: str) -> None:
    read_request({"model": "m", "messages": HI, name: 2**31 - 1})
    with pytest.raises(InvalidRequestError, match=f"{name}: Input should be less than or equal to 2147483647"):
        read_request({"model": "m", "messages": HI, name: 10**40})


def test_a_body_with_a_number_that_is_none_is_refused_by_the_name_of_the_field() -> None:
    with pytest.raises(InvalidRequestError, match=r"the body is not valid JSON: `top_p` is NaN; .* no JSON"):
        read_json(b'{"model": "m", "top_p": NaN}')
