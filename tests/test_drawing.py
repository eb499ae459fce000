from __future__ import annotations

import msgspec

from app.bodies import Conversation, Draft, Member
from app.candidates import Ask
from app.drawing import Attempt
from app.workers.health import State
from app.workers.worker import Worker


def attempt(worker: Worker) -> Attempt:
    member = Member(index=0, ask=Ask(chain=0), conversation=Conversation(json=msgspec.Raw(b"[]"), tokens=1))
    made = Attempt(
        Draft(members=[member], body=b"{}"),
        worker,
        model="m",
        completed=lambda _attempt, _position: None,
        spent=lambda _tokens: None,
        behind=lambda _attempt, _why: False,
        watcher=None,
    )
    made.weigh(10)
    return made


def test_only_the_call_of_a_trial_ends_it() -> None:
    worker = Worker(id="w", locate=str, up=True)
    before = attempt(worker)
    worker.health.state, worker.health.trying = State.ON_TRIAL, True
    trial = attempt(worker)
    before.lift()
    assert worker.health.trying
    trial.lift()
    assert not worker.health.trying
    assert worker.load.in_flight == worker.load.outstanding == 0
