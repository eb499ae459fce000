from __future__ import annotations

from structlog.testing import capture_logs

from app.workers.ejection import Ejector
from app.workers.health import HealthRules, Reason, State
from app.workers.worker import Worker

RULES = HealthRules(backoff_s=5.0)


def test_a_worker_that_is_down_goes_on_trial_once_it_is_up_again() -> None:
    worker = Worker(id="w0", locate=lambda: "http://w0", up=False)
    worker.health.eject(RULES, Reason.FAILURES, 0.0)
    changes: list[None] = []
    ejector = Ejector([worker], RULES, lambda: changes.append(None))
    with capture_logs() as logged:
        ejector.tend(6.0)
        assert (worker.health.state, logged, changes) == (State.EJECTED, [], [])
        worker.up = True
        ejector.tend(6.1)
    assert (worker.health.state, len(changes)) == (State.ON_TRIAL, 1)
    assert [line["event"] for line in logged] == ["worker on trial"]
