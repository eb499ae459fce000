from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.webhooks.target import Target


@pytest.mark.parametrize(
    ("url", "host", "port", "spelled"),
    [
        ("https://verify.example.com", "verify.example.com", 443, "https://verify.example.com:443/"),
        ("HTTP://Verify.Example.COM:8080/a?b=c", "verify.example.com", 8080, "http://verify.example.com:8080/a?b=c"),
        ("http://127.0.0.1/", "127.0.0.1", 80, "http://127.0.0.1:80/"),
        ("http://[FD00::7]:8080/x", "fd00::7", 8080, "http://[fd00::7]:8080/x"),
        ("https://xn--bcher-kva.example/", "xn--bcher-kva.example", 443, "https://xn--bcher-kva.example:443/"),
        ("https://a/@b:c", "a", 443, "https://a:443/@b:c"),
    ],
)
def test_a_plain_address_is_read_and_spelled_anew(url: str, host: str, port: int, spelled: str) -> None:
    target = Target.of(url)
    assert (target.name or str(target.address), target.port, target.url) == (host, port, spelled)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "verify.example.com",
        "ftp://verify.example.com/",
        "file:///etc/passwd",
        "https:verify.example.com",
        "https:///verify.example.com",
        "https://",
        "https://user@verify.example.com/",
        "https://user:word@verify.example.com/",
        "https://verify.example.com@169.254.169.254/",
        "https://verify.example.com\\@169.254.169.254/",
        "https://verify.example.com#@169.254.169.254/",
        "https://verify.example.com/#x",
        "https://verify.example.com?x=1",
        "https://verify.example.com./",
        "https://.example.com/",
        "https://a..b/",
        "https://-a.example/",
        "https://a_b.example/",
        "https://*.example.com/",
        "https://verify%2eexample.com/",
        "https://verify.example.com:0/",
        "https://verify.example.com:080/",
        "https://verify.example.com:65536/",
        "https://verify.example.com:/",
        "https://verify.example.com:80:80/",
        "https://bücher.example/",
        "https://verify。example.com/",
        "https://ⓔxample.com/",
        "https://verify.example.com/\r\nX: y",
        "https://verify.example.com /",
        " https://verify.example.com/",
        "https://verify.example.com/\n",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://017700000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://127.0.1/",
        "http://1.2.3.4.5/",
        "http://127.0.0.256/",
        "http://127.0.0.1./",
        "http://example.0x7f/",
        "http://0/",
        "http://0x/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[::1%25lo]/",
        "http://[::1/",
        "http://::1/",
        "http://[127.0.0.1]/",
        "https://" + "a" * 64 + ".example/",
        "https://" + "a." * 130 + "example/",
        "https://a/" + "x" * 2_048,
    ],
)
def test_what_could_be_read_in_two_ways_is_not_read(url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the words come from here and from ipaddress
        Target.of(url)


@given(st.text(max_size=40), st.sampled_from(["https://{}/", "http://good.example{}", "https://good.example/{}", "{}"]))
def test_whatever_is_read_is_plain(text: str, form: str) -> None:
    try:
        target = Target.of(form.format(text))
    except ValueError:
        return
    assert target.url.isascii()
    assert target.url.isprintable()
    assert "@" not in target.url.split("/")[2]
    assert Target.of(target.url) == target
