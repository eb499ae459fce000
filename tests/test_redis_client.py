from __future__ import annotations

import pytest

from app.redis_client import checked_url


@pytest.mark.parametrize(
    "url",
    [
        "redis://c",
        "redis://c:6379/2",
        "rediss://me:hidden@[::1]:6379/0?protocol=3",
        "redis://:hid%2Fden@c:6379",
        "unix:///run/redis.sock?db=1",
    ],
)
def test_an_address_of_a_redis_is_taken_as_it_is(url: str) -> None:
    assert checked_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "redis://",
        "http://:hidden@c:6379",
        "redis://:hidden@c:99999",
        "redis://:hidden@c:port",
        "redis://:hid#den@c:6379",
        "redis://:hid/den@c:6379",
        "redis://:hidden@[::1",
        "redis://:hidden@c:6379/first",
        "redis://:hidden@c:6379/0#1",
        "redis://:hidden@c:6379/0\n",
        "redis://:hidden@c c:6379/0",
        "redis://:hidden@c:6379/0?socket_timeout=soon",
        "redis://:hidden@c:6379/0?pasword=hidden",
        "unix://",
        "unix://?db=1",
    ],
)
def test_one_that_no_client_can_connect_to_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="Redis") as caught:
        checked_url(url)
    assert "hid" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
