"""The seam to the callers' services: what is sent, and the two things that can be asked for."""

from __future__ import annotations

from typing import Protocol

import msgspec

MAX_ANSWER_BYTES = 64 * 1024
"""The longest answer that is read; a longer one is none."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One JSON body to POST to `url`.

    `timeout_s` is for each try, in seconds; `until` bounds them all, in the event loop's time.
    """

    url: str
    body: bytes
    timeout_s: float
    until: float


class Webhooks(Protocol):
    """Delivers to the hosts that the operator allows, and to no others."""

    def check(self, url: str) -> None:
        """Make sure that `url` may be asked. Raises `InvalidStrategyError`, which says what must be changed."""
        ...

    async def deliver(self, delivery: Delivery) -> bytes:
        """Return the body of the answer, which came with status 200. Raises `WebhookError` where there is none."""
        ...
