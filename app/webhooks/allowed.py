"""Which hosts webhooks may go to: those that the operator lists, at public addresses or at listed ones."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from app.errors import InvalidStrategyError
from app.webhooks.target import HIGHEST_PORT, PORTS, Target, host_of

if TYPE_CHECKING:
    from collections.abc import Iterable

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

ENTRY = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[0-9a-z.-]+)(?::(?P<port>[1-9][0-9]{0,4}))?", re.ASCII)
WIDEST = {4: 8, 6: 7}
"""The shortest prefix that an operator may list: those of the largest private networks."""

NAT64 = IPv6Network("64:ff9b::/96")
UNICAST = IPv6Network("2000::/3")
TUNNELS = (IPv6Network("2001::/32"), IPv6Network("2002::/16"))
"""Teredo and 6to4, whose addresses hold an IPv4 address that somebody else's relay sends to."""

MAPPED = IPv6Network("::ffff:0:0/96")
"""IPv4 addresses as IPv6 spells them, which are taken for what they are before anything is compared."""

INNER = (
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv6Network("3fff::/20"),
    IPv4Network("168.63.129.16/32"),
)
"""What looks like the internet and is not, wholly: protocols' own addresses, relays of 6to4, a range for documentation,
Azure's own services."""


class Allowed(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the operator's list: a name or a network, and the port, None for those of HTTP and HTTPS."""

    name: str | None = None
    network: Network | None = None
    port: int | None = None

    @classmethod
    def of(cls, entry: str) -> Allowed:
        """Read `verify.example.com`, `verify.example.com:8443`, `10.0.0.0/8`, `10.1.2.3:8080`, `[fd00::1]:8080`.

        Raises ValueError for anything else, and for a network so wide that it can't be meant.
        """
        text = entry.strip().lower()
        if "/" in text or (text.count(":") > 1 and "[" not in text):
            return cls(network=_narrow(_network(text)))
        found = ENTRY.fullmatch(text)
        if found is None or int(found["port"] or 0) > HIGHEST_PORT:
            raise ValueError(f"{entry!r} is no host, no host:port, and no network such as 10.0.0.0/8")
        name, address = host_of(found["host"])
        network = ip_network(address) if address else None
        return cls(name=name, network=network, port=int(found["port"]) if found["port"] else None)

    def names(self, target: Target) -> bool:
        """Whether a caller may write this target: the name, or the one address, of the entry."""
        if self.port != target.port if self.port else target.port not in PORTS.values():
            return False
        if target.address is None:
            return target.name == self.name
        return self.network is not None and self.network.num_addresses == 1 and target.address in self.network

    def reaches(self, address: Address, port: int) -> bool:
        """Whether a connection to this address is meant."""
        return self.network is not None and address in self.network and self.port in {None, port}


class AllowedHosts:
    """The operator's list. Raises ValueError where an entry can't be read."""

    def __init__(self, entries: Iterable[str]) -> None:
        self._entries = tuple(map(Allowed.of, entries))

    def check(self, url: str) -> Target:
        """Return where `url` leads if a caller may send there. Raises `InvalidStrategyError`."""
        try:
            target = Target.of(url)
        except ValueError as error:
            raise InvalidStrategyError(f"{error}", param="url") from error
        if not any(entry.names(target) for entry in self._entries):
            host = f"{target.host}, port {target.port}"
            raise InvalidStrategyError(
                f"this server sends no webhooks to {host}: its operator must list it in webhooks.allowed_hosts",
                param="url",
            )
        return target

    def reaches(self, address: Address, port: int) -> bool:
        """Whether a connection may be made to this address, which is where a name has led."""
        plain = (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address
        return is_public(plain) or any(entry.reaches(plain, port) for entry in self._entries)


def is_public(address: Address) -> bool:
    """Whether an address is one of the internet's: nobody's own network, and no way round to one."""
    if any(address in network for network in INNER):
        return False
    if isinstance(address, IPv4Address):
        return address.is_global and not (address.is_multicast or address.is_reserved)
    if address in NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
    return address in UNICAST and address.is_global and not any(address in tunnel for tunnel in TUNNELS)


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no network such as 10.0.0.0/8, and no host: {error}") from None


def _narrow(network: Network) -> Network:
    if network.prefixlen < WIDEST[network.version]:
        raise ValueError(f"{network} is nearly everything; list the networks that are meant")
    if isinstance(network, IPv6Network) and network.subnet_of(MAPPED):
        raise ValueError(f"{network} holds IPv4 addresses; write it as an IPv4 network")
    return network
