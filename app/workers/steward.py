"""The fleet in an operator's hand: workers are added, drained and removed while requests run."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog

from app.errors import ConflictError, NotFoundError

if TYPE_CHECKING:
    from app.workers.discovery.base import Announced
    from app.workers.pool import Pool
    from app.workers.worker import Worker

ADMIN = "admin"
"""The source of the workers that an operator has added."""

log = structlog.stdlib.get_logger(__name__)


class Steward:
    """Does to a pool what an operator says; what runs on a worker meanwhile comes to its end there.

    What was added is kept in memory: after a restart it has to be added again.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._added: dict[str, Announced] = {}

    def find(self, name: str) -> Worker:
        """Return the worker of that name. Raises `NotFoundError`."""
        worker = self._pool.roster.called(name)
        if worker is None:
            raise NotFoundError(f"there is no worker {name[:100]!r}; GET /admin/workers lists them", param="name")
        return worker

    async def add(self, announced: Announced) -> Worker:
        """Take a worker in, reachable or not, and return it once it was asked. Raises `ConflictError`."""
        self._check(announced)
        self._added[announced.url] = announced
        new = self._tell()
        worker = self._pool.roster.at(announced.url)
        assert worker is not None, "a worker whose name is free is taken in"  # noqa: S101 - what `_check` has made sure
        log.info("worker added", worker=worker.id, url=worker.url)
        if worker in new:
            await self._pool.probe(worker)
        return worker

    def drain(self, name: str) -> Worker:
        """Give a worker no new candidates. Raises `NotFoundError`."""
        return self._set_draining(name, draining=True)

    def resume(self, name: str) -> Worker:
        """Give a worker candidates again. Raises `NotFoundError`."""
        return self._set_draining(name, draining=False)

    def remove(self, name: str) -> Worker:
        """Let a worker that was added drain and go. Raises `NotFoundError`, and `ConflictError` for any other."""
        worker = self.find(name)
        if worker.url not in self._added and not worker.dismissed:
            named_by = ", ".join(self._pool.roster.sources(worker)) or "the server itself"
            raise ConflictError(
                f"worker {name!r} comes from {named_by}: take it out there, or POST /admin/workers/{name}/drain",
                param="name",
            )
        self._added.pop(worker.url, None)
        self._tell()
        return worker

    def _check(self, announced: Announced) -> None:
        """Make sure that an address can be added under its name."""
        roster = self._pool.roster
        known = roster.at(announced.url)
        if known and announced.url in self._added:
            raise ConflictError(
                f"the worker at this address was added already, as {known.id!r}: to change it, DELETE it first",
                param="url",
            )
        if known and announced.name not in {None, known.id}:
            raise ConflictError(
                f"the worker at this address is {known.id!r} already: leave name out, or wait until it is gone",
                param="name",
            )
        name = announced.name or urlsplit(announced.url).netloc
        holder = None if known else roster.called(name)
        if holder and not holder.dismissed:
            raise ConflictError(f"{holder.url} is called {name!r} already: give another name", param="name")

    def _tell(self) -> list[Worker]:
        """Let what was added be known; return the workers that are new."""
        new = self._pool.roster.take(ADMIN, tuple(self._added.values()))
        self._pool.reindex()
        return new

    def _set_draining(self, name: str, *, draining: bool) -> Worker:
        worker = self.find(name)
        if worker.draining != draining:
            worker.draining = draining
            log.info("worker drains" if draining else "worker resumes", worker=worker.id, reason="an operator's word")
            self._pool.reindex()
        return worker
