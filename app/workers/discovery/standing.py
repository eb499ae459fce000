"""Whether a source can be asked."""

from __future__ import annotations

import structlog

log = structlog.stdlib.get_logger(__name__)


class Standing:
    """Counts the times that `source` could not be asked, and says in the log when that begins and when it is over."""

    def __init__(self, source: str) -> None:
        self.failures = 0
        self.up = True
        self._source = source

    def failed(self, reason: str) -> None:
        """Take down that it could not be asked."""
        self.failures += 1
        if self.up:
            log.warning("source down", source=self._source, reason=reason, hint="what it last said stands")
        self.up = False

    def answered(self) -> None:
        """Take down that it answered."""
        if not self.up:
            log.info("source up", source=self._source, failures=self.failures)
        self.up = True
