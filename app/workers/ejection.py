"""Taking workers out of service that fail or are slow, and bringing them back: never too many at once.

`app.workers.health` has the rules for one worker; here stands what depends on the others.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

import structlog

from app.workers.health import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.workers.health import HealthRules
    from app.workers.worker import Worker

log = structlog.stdlib.get_logger(__name__)


class Ejector:
    """Ejects among `workers`, and tells `changed` of every change of who serves.

    Of the workers of each model, those not counted that are on their way out or don't answer, at most a share of
    `rules.max_ejected` is out at once. `ejections` counts by worker and reason.
    """

    def __init__(self, workers: Sequence[Worker], rules: HealthRules, changed: Callable[[], None]) -> None:
        self.rules = rules
        self.ejections = Counter[tuple[str, str]]()
        self._workers = workers
        self._changed = changed

    def tend(self, now: float) -> None:
        """Warm workers up and put those on trial that are up and whose ejection is over; `now` is monotonic time."""
        tried = [worker for worker in self._workers if worker.up and worker.health.try_again(now)]
        for worker in self._workers:
            worker.warmth = worker.health.warmth(self.rules, now)
        for worker in tried:
            log.info("worker on trial", worker=worker.id)
        if tried:
            self._changed()

    def succeeded(self, worker: Worker) -> None:
        """Note that a worker did well: strikes are forgiven, a trial ends."""
        if worker.health.succeeded(self.rules, time.monotonic()):
            log.info("worker back", worker=worker.id, hint="it gets its full share again by and by")
            self._changed()

    def strike(self, worker: Worker, reason: Reason) -> None:
        """Note that a worker failed or was slow; eject it where that was once too often and others are left."""
        if not worker.health.strike(self.rules):
            return
        if self._may_go(worker) or (reason is Reason.FAILURES and self._displace(worker)):
            seconds = worker.health.eject(self.rules, reason, time.monotonic())
            self.ejections[worker.id, reason] += 1
            log.warning("worker ejected", worker=worker.id, reason=reason.value, for_s=seconds)
            self._changed()

    def _may_go(self, worker: Worker, *, instead_of: Worker | None = None) -> bool:
        """Whether enough workers of each of its models serve without it; one that is out already may stay out."""
        if not worker.serves:
            return True
        for model in worker.models:
            peers = [one for one in self._workers if one.open and model in one.models]
            out = sum(not one.serves and one is not instead_of for one in peers)
            if out + 1 > self.rules.max_ejected * len(peers):
                return False
        return True

    def _displace(self, worker: Worker) -> bool:
        """Bring back one that is out for slowness only, as `worker` fails, which is worse; return whether any is."""
        slow = next((one for one in self._workers if _only_slow(one) and self._may_go(worker, instead_of=one)), None)
        if slow is None:
            return False
        slow.health.start(time.monotonic())
        log.info("worker back", worker=slow.id, reason=f"{worker.id} fails, which is worse than slow")
        return True


def _only_slow(worker: Worker) -> bool:
    """Whether a worker is out of service for its slowness."""
    return worker.open and not worker.serves and worker.health.reason is Reason.SLOWNESS
