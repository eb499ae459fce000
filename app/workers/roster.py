"""Who the workers are, by what their sources say: one an address, each under a name of its own."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog

from app.workers.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from app.workers.discovery.base import Announced

NAME_TAKEN = "name_taken"
"""Why a worker is kept out; there is no other reason."""

log = structlog.stdlib.get_logger(__name__)


class Roster:
    """Keeps the list of workers by the addresses that sources name.

    A worker that several sources name is one, and stays for as long as any of them does; then it drains, and is let go
    when it has drawn its last candidate. Its name is free for another at once, also for one that was kept out before.
    `refused` counts workers that were kept out by the reason, each once for as long as its source names it so.
    """

    def __init__(self, workers: Iterable[Worker] = (), *, max_in_flight: int = 256, sharers: int = 1) -> None:
        self.workers: list[Worker] = list(workers)
        self.refused = Counter[str]()
        self._max_in_flight = max_in_flight
        self._sharers = sharers
        self._named: dict[str, dict[str, Announced]] = {}
        self._by_url: dict[str, Worker] = {worker.url: worker for worker in self.workers}
        self._numbered: set[str] = set()
        self._complained: set[tuple[str, str]] = set()
        self._numbers = itertools.count(len(self.workers))

    def take(self, source: str, announced: Sequence[Announced], *, numbered: bool = False) -> list[Worker]:
        """Let `announced` be all that `source` names from now on; return the workers that are new.

        A worker without a name is called by its address or, `numbered`, w0, w1 and so on.
        """
        named = {one.url: one for one in announced}
        before, self._named[source] = self._named.get(source, {}), named
        if numbered:
            self._numbered.add(source)
        for url in before.keys() - named.keys():
            self._dismiss(url)
        new = [worker for one in named.values() if (worker := self._admit(source, one))]
        return new + self._waiting()

    def at(self, url: str) -> Worker | None:
        """Return the worker at an address, if it is known."""
        return self._by_url.get(url)

    def called(self, name: str) -> Worker | None:
        """Return the worker of that name, if there is one."""
        return next((one for one in self.workers if one.id == name), None)

    def sources(self, worker: Worker) -> list[str]:
        """Return who names a worker."""
        return [source for source, named in self._named.items() if worker.url in named]

    def forget_drained(self) -> list[Worker]:
        """Let go of the workers that nobody names and that draw nothing any more; return them."""
        gone = [one for one in self.workers if one.dismissed and one.load.in_flight == 0]
        for worker in gone:
            self.workers.remove(worker)
            self._by_url.pop(worker.url, None)
            log.info("worker gone", worker=worker.id, url=worker.url)
        return gone

    def _waiting(self) -> list[Worker]:
        """Take in who was kept out and need not be any more; return those workers."""
        waiting = [
            (source, one)
            for source, named in self._named.items()
            for one in named.values()
            if one.url not in self._by_url
        ]
        return [worker for source, one in waiting if (worker := self._admit(source, one))]

    def _admit(self, source: str, announced: Announced) -> Worker | None:
        """Take a worker in, or what is said anew of one that is known; return it if it is new."""
        known = self._by_url.get(announced.url)
        if known is not None:
            if known.dismissed:
                known.dismissed = known.draining = False
            self._retell(known)
            return None
        name = announced.name or (self._number() if source in self._numbered else urlsplit(announced.url).netloc)
        if holder := self.called(name):
            if not holder.dismissed:
                self._refuse(source, announced.url, name, holder)
                return None
            holder.id = f"{name}@{urlsplit(holder.url).netloc}"
        worker = Worker(
            id=name,
            locate=lambda: announced.url,
            labels=announced.labels,
            max_in_flight=announced.limit or self._max_in_flight,
            sharers=self._sharers,
        )
        self.workers.append(worker)
        self._by_url[announced.url] = worker
        self._complained.discard((source, announced.url))
        return worker

    def _retell(self, worker: Worker) -> None:
        """Let what the sources say of a worker hold; where they differ, the first that says anything."""
        said = [named[worker.url] for named in self._named.values() if worker.url in named]
        worker.labels = next((one.labels for one in said if one.labels), dict[str, str]())
        worker.max_in_flight = next((one.limit for one in said if one.limit), self._max_in_flight)

    def _number(self) -> str:
        taken = {worker.id for worker in self.workers}
        return next(name for number in self._numbers if (name := f"w{number}") not in taken)

    def _refuse(self, source: str, url: str, name: str, holder: Worker) -> None:
        if (source, url) in self._complained:
            return
        self._complained.add((source, url))
        self.refused[NAME_TAKEN] += 1
        log.warning("worker refused", worker=name, url=url, source=source, reason=f"{holder.url} is called so already")

    def _dismiss(self, url: str) -> None:
        """Let a worker drain if no source names it any more."""
        worker = self._by_url.get(url)
        if worker is None:
            return
        if self.sources(worker):
            self._retell(worker)
        else:
            worker.dismissed = True
            log.info("worker drains", worker=worker.id, url=url, reason="no source names it any more")
