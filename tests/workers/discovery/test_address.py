from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.workers.discovery.address import address


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("http://a:1", "http://a:1"),
        ("http://a:1/", "http://a:1"),
        ("http://a:1/v1", "http://a:1"),
        ("http://a:1/v1/", "http://a:1"),
        ("https://a", "https://a"),
        ("http://[fd00::7]:8000/v1", "http://[fd00::7]:8000"),
        ("http://a/behind/v1", "http://a/behind"),
    ],
)
def test_an_address_is_kept_without_what_openais_clients_append(written: str, meant: str) -> None:
    assert address(written) == meant


@pytest.mark.parametrize(
    "written",
    [
        *(
            "",
            "a:1",
            "ftp://a",
            "http://",
            "http://a:port",
            "http://a:99999",
            "http://a?x=1",
            "http://a#x",
            "http://a b",
        ),
        *(
            "http://a\n",
            "http://\u00e4",
            "http://[fd00",
            "http://me:hidden@a",
            "http://me@a",
            "http://:hidden@a",
            "http://@a",
        ),
    ],
)
def test_what_is_no_address_or_holds_a_secret_is_refused(written: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - each has a reason of its own
        address(written)
    assert "hidden" not in str(caught.value)


@given(st.text())
def test_nothing_but_a_value_error_comes_of_any_text(text: str) -> None:
    for written in (text, f"http://{text}"):
        try:
            found = address(written)
        except ValueError:
            continue
        assert address(found) == found or found.endswith("/v1")
