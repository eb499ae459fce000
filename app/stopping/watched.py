"""A stop rule in the course of one run: where it breaks, it stops nothing any more, and nothing else breaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from app.stopping.base import Judge, Progress, StopRule

log = structlog.stdlib.get_logger(__name__)


class Watched:
    """The `rule` of one run; `failure` says what went wrong in it, once it is broken."""

    def __init__(self, rule: StopRule) -> None:
        self.rule = rule
        self.failure: str | None = None
        self._judge = self._begun()

    def judged(self, progress: Progress) -> str | None:
        """Tell the rule of a run's progress; return its name where it lets the run end."""
        if self._judge is None:
            return None
        try:
            return self._judge(progress)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not end the run
            self._judge = self._broke(error)
            return None

    def _begun(self) -> Judge | None:
        """Return the rule's judge of this run."""
        try:
            return self.rule.begin()
        except Exception as error:  # noqa: BLE001 - as above
            return self._broke(error)

    def _broke(self, error: Exception) -> None:
        """Put down what went wrong."""
        self.failure = f"{type(error).__name__}: {error}"
        log.error("stop rule broke", rule=self.rule.name, exc_info=error)
