"""How one use of Redis is doing: what depends on it goes on without, and says so here."""

from __future__ import annotations

import structlog

log = structlog.stdlib.get_logger(__name__)


class RedisUse:
    """Counts the times that Redis failed what is `name`d; says in the log when that begins and when it is over."""

    def __init__(self, name: str, *, meanwhile: str) -> None:
        self.name = name
        self.up = True
        self.failures = 0
        self._meanwhile = meanwhile

    def failed(self, reason: str, *, times: int = 1) -> None:
        """Take down a failure, or several at once."""
        self.failures += times
        if self.up:
            log.warning("redis down", use=self.name, reason=reason, hint=self._meanwhile)
        self.up = False

    def answered(self) -> None:
        """Take down that it went well."""
        if not self.up:
            log.info("redis up", use=self.name, failures=self.failures)
        self.up = True


def reason_of(error: BaseException) -> str:
    """Return why Redis failed; a time limit has no words of its own."""
    return str(error) or type(error).__name__
