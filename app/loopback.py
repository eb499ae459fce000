"""Whether an address is one that only this machine reaches."""

from __future__ import annotations

from ipaddress import ip_address


def is_ip(host: str) -> bool:
    """Whether it is an address, of IPv4 or IPv6, and no name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens at `host`: an address without brackets, or a name."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
