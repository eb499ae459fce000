from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
from typing import TYPE_CHECKING, cast

import pytest
from structlog.testing import capture_logs

from app.processes.brood import Brood
from app.processes.child import Task
from app.siblings.place import Place

if TYPE_CHECKING:
    from pathlib import Path

    from app.processes.handle import Handle


class Child:
    """A child that serves until it is killed."""

    def __init__(self) -> None:
        self.told: list[signal.Signals] = []

    async def started(self) -> bool:
        await asyncio.sleep(0)
        return True

    async def ended(self) -> int:
        await asyncio.Event().wait()
        return 0

    def tell(self, number: signal.Signals) -> None:
        self.told.append(number)


@pytest.mark.parametrize("possible", [0, 1, 2])
def test_where_processes_can_not_be_made_a_line_says_so_and_nothing_is_left(possible: int, tmp_path: Path) -> None:
    made: list[Child] = []

    def make(_task: Task) -> Handle:
        if len(made) == possible:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        made.append(Child())
        return cast("Handle", made[-1])

    with socket.socket() as listener, capture_logs() as logged:
        places = [Place(index=index, count=3, directory=tmp_path) for index in range(3)]
        tasks = [Task(place=place, listener=listener, file=None, flags={}) for place in places]
        assert asyncio.run(Brood(tasks, grace_s=1.0, make=make).run()) == 1
    assert [line["event"] for line in logged] == ["start failed"]
    assert logged[0]["reason"] == f"process {possible} can't be made: Resource temporarily unavailable"
    assert [child.told for child in made] == [[signal.SIGKILL]] * possible
