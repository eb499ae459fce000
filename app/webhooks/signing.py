"""How a receiver knows that a webhook is ours: HMAC-SHA256 over the time and the body, with a shared secret."""

from __future__ import annotations

import hmac

TIMESTAMP = "X-Quorum-Timestamp"
SIGNATURE = "X-Quorum-Signature"
DELIVERY = "X-Quorum-Delivery"


def signed(secret: bytes, body: bytes, *, at: float, delivery: str) -> dict[str, str]:
    """Return the headers of a request with `body`, made `at` a time in seconds since 1970.

    `delivery` is the same on every try. The signature is `v1=` and the hexadecimal HMAC of `<timestamp>.<body>`.
    """
    timestamp = str(int(at))
    digest = hmac.new(secret, timestamp.encode() + b"." + body, "sha256").hexdigest()
    return {TIMESTAMP: timestamp, SIGNATURE: f"v1={digest}", DELIVERY: delivery}
