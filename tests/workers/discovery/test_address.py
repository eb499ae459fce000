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


@pytest.mark.parametrize(
    "host",
    ["999.1.1.1", "10.0.0", "10.0.0.0x7", "7", "a..b", ".a", "a" * 64, "a." * 126 + "aa"],
)
def test_a_host_that_nobody_can_have_is_refused_in_plain_words(host: str) -> None:
    with pytest.raises(ValueError, match="the host of a worker's address is an IP address, or a name of at most 253"):
        address(f"http://{host}:80")


@pytest.mark.parametrize("host", ["10.0.0.7", "a.", "gpu_1.x-y", "7.a", "a" * 63, "a." * 126 + "a", "0xgpu", "[::1]"])
def test_a_host_that_somebody_may_have_is_taken(host: str) -> None:
    assert address(f"http://{host}:80") == f"http://{host}:80"


@pytest.mark.parametrize("written", ["http://me:hidden/x@a", "http://hidden\u2100@a", "http://a:hidden"])
def test_why_an_address_is_refused_repeats_nothing_of_it(written: str) -> None:
    with pytest.raises(ValueError, match="an address of a worker is http://HOST:PORT") as caught:
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
