"""Keys: a bearer token that is one of those configured, for clients or for operators."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.errors import ForbiddenError, InvalidKeyError
from app.loopback import is_loopback

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import Request

SCHEME = b"bearer "
PORT = re.compile(r":\d*$", re.ASCII)
"""What follows the address in `Host`."""

BROUGHT = frozenset({"origin", "forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"})
"""Headers of which any shows that a request came out of a browser's page, or by way of a proxy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gatekeeper:
    """Checks the key of each client's request; without configured keys, everybody may in."""

    keys: Sequence[bytes]

    async def __call__(self, request: Request) -> int:
        """Let the request pass; return its key's place among the keys, 0 where there are none.

        Raises `InvalidKeyError`.
        """
        if not self.keys:
            return 0
        place = place_among(self.keys, request)
        if place is None:
            raise InvalidKeyError("give a valid API key in the header `Authorization: Bearer KEY`")
        return place


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminGate:
    """Lets operators in by their own keys; where none are configured, everybody who is `local`, and else nobody.

    A request that was sent by somebody else (`is_first_hand`) isn't taken for the operator's own word without a key.
    """

    keys: Sequence[bytes]
    local: bool

    def __call__(self, request: Request) -> None:
        """Let the request pass. Raises `InvalidKeyError` and `ForbiddenError`."""
        if self.keys:
            if place_among(self.keys, request) is None:
                raise InvalidKeyError("give an admin key in the header `Authorization: Bearer KEY`")
        elif not (self.local and is_first_hand(request)):
            raise ForbiddenError("the admin API is closed: set admin_keys (QUORUM_ADMIN_KEYS)")


def is_first_hand(request: Request) -> bool:
    """Whether nothing speaks against a program on this machine having sent the request for itself.

    Any page that somebody looks at on this machine could have its browser send one, which then bears `Origin`, or names
    the page's own host where that has been made to mean this machine (DNS rebinding). A proxy sends those of others.
    """
    named = PORT.sub("", request.headers.get("host", ""))
    return is_loopback(named.strip("[]")) and not BROUGHT & set(request.headers.keys())


def place_among(keys: Sequence[bytes], request: Request) -> int | None:
    """Return which of the keys a request bears, None if none of them; in constant time."""
    header = request.headers.get("authorization", "").encode("latin-1")  # the bytes that were sent
    given = header[len(SCHEME) :].strip() if header.lower().startswith(SCHEME) else b""
    fits = [hmac.compare_digest(given, key) for key in keys]  # looks at every key, always
    return fits.index(True) if any(fits) else None
