"""The workers as all processes of the server see them, whichever is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from app.api.worker_status import WorkerStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from app.siblings.channel import Channel
    from app.workers.pool import Pool
    from app.workers.steward import Steward
    from app.workers.worker import Worker

QUESTION = "workers"

ANSWER_S = 3.0
"""Seconds that a sibling has to learn what operators wish, to ask workers that are new to it, and to answer."""


class Roll(msgspec.Struct, frozen=True, kw_only=True):
    """The workers, and the numbers of the processes that did not answer in time; None where there is only one."""

    workers: Sequence[WorkerStatus]
    missing: Sequence[int] | None = None

    @property
    def note(self) -> Mapping[str, Sequence[int]]:
        """What an answer says of the processes."""
        return {} if self.missing is None else {"processes_missing": self.missing}

    def called(self, name: str) -> WorkerStatus | None:
        """Return the worker of that name, if there is one."""
        return next((one for one in self.workers if one.name == name), None)


class RollCall:
    """Asks the siblings, by `channel` where there are any, for their workers; none answers before it knows all wishes.

    So a change that was written down before the call is known to all that have answered.
    """

    def __init__(self, pool: Pool, steward: Steward, channel: Channel | None = None) -> None:
        self._pool = pool
        self._steward = steward
        self._channel = channel

    async def answer(self, _text: str = "") -> bytes:
        """Return this process's workers, as JSON, by the wishes as they are now. Raises `UnavailableError`."""
        await self._steward.catch_up()
        return msgspec.json.encode(self._own())

    async def hold(self, *, first: Worker | None = None) -> Roll:
        """Return all workers: `first`, be it that this process has just let it go, its others, those of siblings."""
        if self._channel is None:
            return Roll(workers=self._own(first))
        heard = await self._channel.ask(QUESTION)
        told = {index: answer for index, answer in heard.items() if answer is not None}
        siblings = [msgspec.json.decode(answer, type=list[WorkerStatus]) for answer in told.values()]
        missing = [index for index in self._channel.place.others if index not in told]
        return Roll(workers=_merged(self._own(first), *siblings), missing=missing)

    def _own(self, first: Worker | None = None) -> list[WorkerStatus]:
        roster = self._pool.roster
        others = [worker for worker in roster.workers if worker is not first]
        return [WorkerStatus.of(worker, roster) for worker in ([first, *others] if first else others)]


def _merged(*lists: Iterable[WorkerStatus]) -> list[WorkerStatus]:
    """Return one an address: what the first says, with the sums of all."""
    by_url: dict[str, WorkerStatus] = {}
    for one in (status for statuses in lists for status in statuses):
        known = by_url.get(one.url)
        by_url[one.url] = known.plus(one) if known else one
    return list(by_url.values())
