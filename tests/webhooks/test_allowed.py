from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidStrategyError
from app.webhooks.allowed import AllowedHosts, is_public

INNER = [
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
    *(
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
    ),
    "240.0.0.0/4",
    *("::/96", "::ffff:0:0/96", "64:ff9b:1::/48", "100::/64", "2001::/32", "2001:db8::/32", "2002::/16"),
    *("3fff::/20", "4000::/2", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
]


def addresses_in(network: str) -> st.SearchStrategy[IPv4Address | IPv6Address]:
    found = ip_network(network)
    return st.integers(0, found.num_addresses - 1).map(lambda number: found[number])


@given(st.sampled_from(INNER).flatmap(addresses_in))
def test_what_is_not_the_internets_is_not_public_and_not_reached(address: IPv4Address | IPv6Address) -> None:
    if isinstance(address, IPv4Address) or not address.ipv4_mapped:
        assert not is_public(address)
        assert not AllowedHosts(["verify.example.com"]).reaches(address, 443)


@given(st.sampled_from([one for one in INNER if "." in one]).flatmap(addresses_in))
def test_an_inner_address_in_ipv6s_clothes_is_still_one(address: IPv4Address) -> None:
    hosts = AllowedHosts(["verify.example.com"])
    for prefix in ("::ffff:0:0", "64:ff9b::", "::"):
        assert not hosts.reaches(IPv6Address(int(IPv6Address(prefix)) | int(address)), 443)


@pytest.mark.parametrize("text", ["1.1.1.1", "93.184.215.14", "2606:4700::1111", "64:ff9b::1.1.1.1", "::ffff:1.1.1.1"])
def test_public_addresses_are_reached(text: str) -> None:
    assert AllowedHosts([]).reaches(ip_address(text), 443)


def test_the_addresses_of_clouds_credentials_are_not_reached() -> None:
    hosts = AllowedHosts(["metadata.example", "10.0.0.0/8"])
    for text in ("169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16"):
        assert not hosts.reaches(ip_address(text), 80)


@pytest.mark.parametrize(
    ("entry", "address", "port", "reached"),
    [
        ("10.0.0.0/8", "10.1.2.3", 80, True),
        ("10.0.0.0/8", "11.1.2.3", 80, True),  # which is public
        ("10.0.0.0/8", "192.168.0.1", 80, False),
        ("10.0.0.0/8", "::ffff:10.1.2.3", 80, True),
        ("10.1.2.3", "10.1.2.3", 9_999, True),
        ("10.1.2.3:8080", "10.1.2.3", 8_080, True),
        ("10.1.2.3:8080", "10.1.2.3", 80, False),
        ("[::1]:8080", "::1", 8_080, True),
        ("::1", "::1", 80, True),
        ("fd00::/8", "fd12::1", 80, True),
        ("10.1.2.3", "::1", 80, False),
    ],
)
def test_a_listed_address_is_reached(entry: str, address: str, port: int, *, reached: bool) -> None:
    assert AllowedHosts([entry]).reaches(ip_address(address), port) is reached


@pytest.mark.parametrize(
    ("entry", "url", "allowed"),
    [
        ("verify.example.com", "https://verify.example.com/a", True),
        ("Verify.Example.COM", "http://VERIFY.example.com/a", True),
        ("verify.example.com", "https://verify.example.com:80/", True),
        ("verify.example.com", "https://verify.example.com:22/", False),
        ("verify.example.com", "https://example.com/", False),
        ("verify.example.com", "https://a.verify.example.com/", False),
        ("verify.example.com", "https://verify.example.com.evil.example/", False),
        ("verify.example.com:8443", "https://verify.example.com:8443/", True),
        ("verify.example.com:8443", "https://verify.example.com/", False),
        ("10.1.2.3:8080", "http://10.1.2.3:8080/", True),
        ("10.1.2.3", "http://10.1.2.3/", True),
        ("10.1.2.3", "http://10.1.2.4/", False),
        ("10.0.0.0/8", "http://10.1.2.3/", False),
        ("[::1]:8080", "http://[0:0::1]:8080/", True),
        ("::1", "http://[::1]/", True),
        ("::1", "http://localhost/", False),
        ("localhost", "http://127.0.0.1/", False),
        ("1.1.1.1", "http://1.1.1.2/", False),
    ],
)
def test_only_what_is_listed_may_be_named(entry: str, url: str, *, allowed: bool) -> None:
    hosts = AllowedHosts(["other.example", entry])
    if allowed:
        hosts.check(url)
        return
    with pytest.raises(InvalidStrategyError, match="its operator must list it") as caught:
        hosts.check(url)
    assert caught.value.param == "url"


def test_what_cannot_be_read_is_not_allowed_either() -> None:
    with pytest.raises(InvalidStrategyError, match="a host in ASCII"):
        AllowedHosts(["verify.example.com"]).check("https://u@verify.example.com/")


@pytest.mark.parametrize("entry", ["::ffff:10.0.0.0/104", "::ffff:0:0/96", "::ffff:10.0.0.1", "::ffff:a00:1/128"])
def test_ipv4_networks_in_ipv6s_clothes_are_refused_as_they_would_never_match(entry: str) -> None:
    with pytest.raises(ValueError, match="write it as an IPv4 network"):
        AllowedHosts([entry])


@pytest.mark.parametrize(
    "entry",
    [
        *("", "*", "*.example.com", "https://verify.example.com", "verify.example.com:0", "verify.example.com:99999"),
        *("0.0.0.0/0", "0.0.0.0/1", "::/0", "::/3", "10.0.0.1/8", "10.0.0", "1", "0x7f.1", "[10.0.0.1]", "[::1", "::g"),
        *("::ffff:0:0/96x", "a b", "bücher.example", "verify.example.com.", "10.0.0.0/8:80", "[::ffff:10.0.0.1]"),
    ],
)
def test_an_entry_that_is_no_host_is_refused(entry: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the words come from here and from ipaddress
        AllowedHosts([entry])
