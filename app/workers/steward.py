"""The fleet in an operator's hand: workers are added, drained and removed while requests run."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
import structlog

from app.errors import ConflictError, NotFoundError, UnavailableError
from app.side_by_side import meanwhile
from app.workers.discovery.base import NAME_PATTERN
from app.workers.watch import Round
from app.workers.wishes import Wishes

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from app.workers.discovery.base import Announced
    from app.workers.notebook import Notebook
    from app.workers.pool import Pool
    from app.workers.worker import Worker

ADMIN = "admin"
"""The source of the workers that an operator has added."""

LOOK_S = 1.0
"""Seconds between two looks at what is written down, and at whether workers that came since are to be drained."""

ASKING_S = 1.0
"""Seconds that a worker which another process was told to add has for its first answer; then it is asked once more."""

log = structlog.stdlib.get_logger(__name__)


class Steward:
    """Does to a pool what operators wish; what runs on a worker meanwhile comes to its end there.

    The wishes of all processes of the server are in one `notebook`: a change is made there first, one at a time, and
    then here; the other processes do it when they `catch_up`. A worker's mark there is its address or, for the
    server's own, which may move, its name. After a restart of the server nothing of it is left.
    """

    def __init__(self, pool: Pool, notebook: Notebook) -> None:
        self._pool = pool
        self._notebook = notebook
        self._wishes = Wishes()
        self._unasked: set[Worker] = set()
        self._catching_up = asyncio.Lock()

    @asynccontextmanager
    async def kept(self) -> AsyncGenerator[None]:
        """Do what is written down, and what will be while the context lasts."""
        await self.catch_up()
        async with meanwhile(self._look()):
            yield

    async def catch_up(self) -> None:
        """Do what is written down by now; workers that are new have been asked then, or are slow.

        Raises `UnavailableError`.
        """
        async with self._catching_up:
            self._read()
            unasked, self._unasked = self._unasked, set()
            await self._ask(unasked)

    def find(self, name: str) -> Worker:
        """Return the worker of that name. Raises `NotFoundError`."""
        worker = self._pool.roster.called(name)
        if worker is None:
            raise unknown(name)
        return worker

    async def add(self, announced: Announced) -> Worker:
        """Take a worker in, reachable or not, and return it once it was asked.

        Raises `ConflictError`, and `UnavailableError` where it can't be written down, as all that changes something.
        """
        async with self._changing():
            self._check(announced)
            known = self._pool.roster.at(announced.url)
            if known and not known.dismissed:
                self._write(self._wishes.adding(announced))
            else:
                named = _named(announced, known)
                self._write(self._wishes.adding(named).resuming(named.url))
        worker = self._pool.roster.at(announced.url)
        assert worker is not None, "a worker whose name is free is taken in"  # noqa: S101 - what `_check` has made sure
        log.info("worker added", worker=worker.id, url=worker.url)
        if worker in self._unasked:
            self._unasked.remove(worker)
            await self._pool.probe(worker)
        return worker

    async def drain(self, name: str) -> Worker:
        """Give a worker no new candidates. Raises `NotFoundError`."""
        async with self._changing():
            worker = self.find(name)
            mark = self._mark(worker)
            if mark not in self._wishes.drained:
                self._write(self._wishes.draining(mark))
        return worker

    async def resume(self, name: str) -> Worker:
        """Give a worker candidates again. Raises `NotFoundError`."""
        async with self._changing():
            worker = self.find(name)
            mark = self._mark(worker)
            if mark in self._wishes.drained:
                self._write(self._wishes.resuming(mark))
        return worker

    async def remove(self, name: str) -> Worker:
        """Let a worker that was added drain and go. Raises `NotFoundError`, and `ConflictError` for any other."""
        async with self._changing():
            worker = self.find(name)
            named_by = self._pool.roster.sources(worker)
            if self._wishes.adds(worker.url):
                wishes = self._wishes.removing(worker.url)
                self._write(wishes.resuming(worker.url) if named_by == [ADMIN] else wishes)
            elif not worker.dismissed:
                raise ConflictError(
                    f"worker {name!r} comes from {', '.join(named_by) or 'the server itself'}: take it out there, "
                    f"or POST /admin/workers/{name}/drain",
                    param="name",
                )
        return worker

    def _check(self, announced: Announced) -> None:
        """Make sure that an address can be added under its name."""
        roster = self._pool.roster
        known = roster.at(announced.url)
        if known and self._wishes.adds(announced.url):
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

    @asynccontextmanager
    async def _changing(self) -> AsyncGenerator[None]:
        """Let nobody else change the wishes, and know them; without a pause, as others wait."""
        async with self._notebook.held():
            self._read()
            yield

    def _read(self) -> None:
        """Do what is written down, where that is later than what is known."""
        written = self._notebook.read()
        if written.version > self._wishes.version:
            self._wishes = written
        self._apply()

    def _write(self, wishes: Wishes) -> None:
        """Write wishes down and do what they say."""
        self._notebook.write(wishes)
        self._wishes = wishes
        self._apply()

    def _apply(self) -> None:
        """Have the pool do as is wished, whoever it has by now."""
        self._unasked.update(self._pool.roster.take(ADMIN, self._wishes.added))
        self._rename()
        for worker in self._pool.workers:
            drained = self._mark(worker) in self._wishes.drained
            if worker.draining != drained:
                worker.draining = drained
                log.info(
                    "worker drains" if drained else "worker resumes", worker=worker.id, reason="an operator's word"
                )
        self._pool.reindex()

    def _rename(self) -> None:
        """Call workers by the names that they were added by, also one that was removed and is still busy here."""
        roster = self._pool.roster
        for announced in self._wishes.added:
            worker = roster.at(announced.url)
            if worker and announced.name and announced.name != worker.id and not roster.called(announced.name):
                worker.id = announced.name

    def _mark(self, worker: Worker) -> str:
        own = not worker.dismissed and not self._pool.roster.sources(worker)
        return worker.id if own else worker.url

    async def _ask(self, workers: Iterable[Worker]) -> None:
        """Ask workers how they are; those that haven't answered in time are asked once more by and by."""
        try:
            async with asyncio.timeout(ASKING_S), asyncio.TaskGroup() as group:
                Round(self._pool.probe).begin(group, workers)
        except TimeoutError:
            self._pool.suspects.update(worker for worker in workers if not worker.up)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            with suppress(UnavailableError):  # it is tried again
                await self.catch_up()
                await self._restore()

    async def _restore(self) -> None:
        """Write down again what was, where the file is gone, as it may be by those who tidy up such directories."""
        if self._notebook.read().version < self._wishes.version:
            async with self._notebook.held():
                if self._notebook.read().version < self._wishes.version:
                    self._notebook.write(self._wishes)


def _named(announced: Announced, leaving: Worker | None) -> Announced:
    """Return a worker with the name that it gets here, where it can be written down, for it to have everywhere."""
    name = leaving.id if leaving else announced.name or urlsplit(announced.url).netloc
    return msgspec.structs.replace(announced, name=name) if re.fullmatch(NAME_PATTERN, name) else announced


def unknown(name: str) -> NotFoundError:
    """Return the error that there is no worker of that name."""
    return NotFoundError(f"there is no worker {name[:100]!r}; GET /admin/workers lists them", param="name")
