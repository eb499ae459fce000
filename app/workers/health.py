"""Whether a worker may serve: what its failures and its slowness lead to, and how it comes back.

    in service ──strikes in a row──▶ ejected ──back-off──▶ on trial ──success──▶ in service, slowly
         ▲                              ▲                      │
         └──────────────────────────────└───────a strike───────┘

The scheme is that of a circuit breaker (Nygard, *Release It!*) with Envoy's outlier ejection: back-off doubles with
every ejection in a row, and the pool ejects no more than a share of its workers.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from math import inf

import msgspec

COLDEST = 0.1
"""The share of its usual load that a worker gets at first when it has just come back."""


class State(Enum):
    """Where a worker stands."""

    IN_SERVICE = "in_service"
    ON_TRIAL = "on_trial"
    EJECTED = "ejected"


class Reason(StrEnum):
    """What a worker is ejected for."""

    FAILURES = "failures"
    SLOWNESS = "slowness"


class HealthRules(msgspec.Struct, frozen=True, kw_only=True):
    """When a worker is ejected and how it comes back.

    `strikes` in a row eject it; `backoff_s` for the first time, doubling up to `max_backoff_s`; `slow_start_s` seconds
    until it gets its full share again; `max_ejected` is the largest share of the workers that may be out at once, 0..1.
    """

    strikes: int = 5
    backoff_s: float = 5.0
    max_backoff_s: float = 300.0
    slow_start_s: float = 15.0
    max_ejected: float = 0.5

    def backoff(self, ejections: int) -> float:
        """Return the seconds of the ejection that is number `ejections` in a row, from 1."""
        return min(self.max_backoff_s, self.backoff_s * 2.0 ** min(ejections - 1, 30))


@dataclass(slots=True, kw_only=True)
class Health:
    """One worker's standing; times are of the monotonic clock.

    `strikes` counts what has gone wrong since something last went right, `ejections` those in a row. `since` is when it
    came into service, `until` when its ejection ends, `reason` what it was ejected for last. `trying`: the one call of
    its trial is under way.
    """

    state: State = State.IN_SERVICE
    strikes: int = 0
    ejections: int = 0
    since: float = -inf
    until: float = -inf
    reason: Reason | None = None
    trying: bool = False

    def succeeded(self, rules: HealthRules, now: float) -> bool:
        """Note a call that went well; return whether that ends a trial."""
        self.strikes = 0
        if self.state is State.ON_TRIAL:
            self.start(now)
            return True
        if self.ejections and now - self.since > rules.backoff(self.ejections):
            self.ejections = 0
        return False

    def start(self, now: float) -> None:
        """Begin to serve: at first a small share, then more and more."""
        self.state, self.strikes, self.since, self.trying = State.IN_SERVICE, 0, now, False

    def warm_up(self, now: float) -> None:
        """Begin anew with a small share, as after a restart; what has gone wrong before it stands."""
        self.since = now

    def strike(self, rules: HealthRules) -> bool:
        """Note a call that went wrong; return whether the worker should be ejected for it."""
        self.strikes += 1
        return self.state is State.ON_TRIAL or (self.state is State.IN_SERVICE and self.strikes >= rules.strikes)

    def eject(self, rules: HealthRules, reason: Reason, now: float) -> float:
        """Take the worker out of service; return for how many seconds."""
        self.ejections += 1
        self.reason = reason
        seconds = rules.backoff(self.ejections)
        self.state, self.until, self.strikes, self.trying = State.EJECTED, now + seconds, 0, False
        return seconds

    def try_again(self, now: float) -> bool:
        """Put the worker on trial if its ejection is over; return whether it is."""
        if self.state is not State.EJECTED or now < self.until:
            return False
        self.state = State.ON_TRIAL
        return True

    def warmth(self, rules: HealthRules, now: float) -> float:
        """Return the share of its usual load that the worker should get, from `COLDEST` to 1."""
        if rules.slow_start_s <= 0:
            return 1.0
        return min(1.0, max(COLDEST, (now - self.since) / rules.slow_start_s))
