"""A configuration that has changed, taken in as far as a running server can."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.aliases import AliasCheck
    from app.settings.settings import Settings
    from app.workers.discovery.urls import Urls
    from app.workers.pool import Pool

AT_RUN_TIME = frozenset({"workers", "aliases"})
"""The keys that can change while the server runs."""

log = structlog.stdlib.get_logger(__name__)


class Reload:
    """Applies settings to a server that was started with others."""

    def __init__(self, started_with: Settings, *, listed: Urls, pool: Pool, alias_check: AliasCheck) -> None:
        self._started_with = started_with
        self._listed = listed
        self._pool = pool
        self._alias_check = alias_check
        self._workers = len(started_with.workers)

    def apply(self, settings: Settings) -> None:
        """Let the list of workers and the aliases be these; name the other keys that differ in the log.

        Workers that are gone from the list finish what they have.
        """
        self._listed.replace(worker.announced for worker in settings.workers)
        self._pool.rename(settings.aliases)
        self._alias_check.look_at(settings.aliases)
        log.info("configuration reloaded", workers=len(settings.workers), aliases=len(settings.aliases))
        if self._workers and not settings.workers:
            hint = "those that were finish what they have, then nobody serves unless another source names workers"
            log.warning("no workers are listed any more", before=self._workers, hint=hint)
        self._workers = len(settings.workers)
        if fixed := [key for key in differing(self._started_with, settings) if key not in AT_RUN_TIME]:
            log.warning("these keys take effect at the next start", keys=fixed)


def differing(one: BaseModel, other: BaseModel, prefix: str = "") -> Iterator[str]:
    """Yield the keys whose values differ, those of tables with a dot."""
    for name, value in one:
        theirs = getattr(other, name)
        if isinstance(value, BaseModel) and isinstance(theirs, BaseModel):
            yield from differing(value, theirs, f"{prefix}{name}.")
        elif value != theirs:
            yield prefix + name
