"""API keys: a bearer token that is one of the configured keys; without configured keys, everybody may in."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.errors import InvalidKeyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import Request

SCHEME = b"bearer "


@dataclass(frozen=True, slots=True, kw_only=True)
class Gatekeeper:
    """Checks the key of each request in constant time."""

    keys: Sequence[bytes]

    async def __call__(self, request: Request) -> int:
        """Let the request pass; return its key's place among the keys, 0 where there are none.

        Raises `InvalidKeyError`.
        """
        if not self.keys:
            return 0
        header = request.headers.get("authorization", "").encode("latin-1")  # the bytes that were sent
        given = header[len(SCHEME) :].strip() if header.lower().startswith(SCHEME) else b""
        fits = [hmac.compare_digest(given, key) for key in self.keys]  # looks at every key, always
        if not any(fits):
            raise InvalidKeyError("give a valid API key in the header `Authorization: Bearer KEY`")
        return fits.index(True)
