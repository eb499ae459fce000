"""Where a webhook goes: an address in the one form that no two parsers read differently.

Every trick by which an address looks like one host and leads to another needs a spelling that libraries disagree on: a
user before the host, a backslash, a name that isn't ASCII, `127.1`, `0x7f.1`, `017700000001`. None of them is read.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address

import msgspec

MAX_URL = 2_048
MAX_NAME = 253
HIGHEST_PORT = 65_535
PORTS = {"http": 80, "https": 443}

URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[0-9a-z.-]+)(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<rest>/[!$-;=?-\[\]_a-z~]*)?",
    re.ASCII | re.IGNORECASE,
)
LABEL = re.compile(r"[0-9a-z](?:[0-9a-z-]{0,61}[0-9a-z])?", re.ASCII)
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
"""A last label that makes a name a number, as the standard for addresses of the web has it."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A host, by its `name` in lower case or by its `address`, a port, and the URL spelled by us."""

    name: str | None
    address: IPv4Address | IPv6Address | None
    port: int
    url: str

    @property
    def host(self) -> str:
        """The name or the address."""
        return self.name or str(self.address)

    @classmethod
    def of(cls, url: str) -> Target:
        """Return the target of `url`. Raises ValueError, whose message says what is wrong with it."""
        found = URL.fullmatch(url) if url.isascii() and len(url) <= MAX_URL else None
        if found is None:
            raise ValueError(
                "a webhook's address is http:// or https://, a host in ASCII, perhaps a port, and a path; without a "
                "user, a fragment or spaces"
            )
        scheme, host = found["scheme"].lower(), found["host"].lower()
        port = int(found["port"] or PORTS[scheme])
        if port > HIGHEST_PORT:
            raise ValueError(f"there is no port {port}")
        name, address = host_of(host)
        return cls(name=name, address=address, port=port, url=f"{scheme}://{host}:{port}{found['rest'] or '/'}")


def host_of(host: str) -> tuple[str | None, IPv4Address | IPv6Address | None]:
    """Return the name or the address that `host`, in lower case, is; an IPv6 address stands in brackets.

    Raises ValueError for whatever is neither, or is an address in another spelling than the usual.
    """
    if host.startswith("["):
        address = IPv6Address(host[1:-1])
        if address.ipv4_mapped:
            raise ValueError("write an IPv4 address as such")
        return None, address
    labels = host.split(".")
    if NUMBER.fullmatch(labels[-1]):
        return None, IPv4Address(host)
    if len(host) > MAX_NAME or not all(map(LABEL.fullmatch, labels)):
        raise ValueError(f"{host[:MAX_NAME]!r} is not the name of a host")
    return host, None
