from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from app.sandbox.base import Ended, Limits
from app.verifiers.tests.cases import CallCase, StdinCase
from app.verifiers.tests.harness import PROGRAM
from app.verifiers.tests.jobs import MAIN, Manner
from app.verifiers.tests.runner import SIDE_BY_SIDE, Runner

if TYPE_CHECKING:
    from app.sandbox.base import Program


class Full:
    """A sandbox in which everything waits until it is opened."""

    ceilings = Limits()
    running = 0

    def __init__(self) -> None:
        self.came: list[Program] = []
        self.open = asyncio.Event()

    @property
    def waiting(self) -> int:
        return len(self.came)

    async def check(self) -> None:
        """It is there."""

    async def run(self, program: Program) -> Ended:
        self.came.append(program)
        await self.open.wait()
        return Ended(how="exited", code=0, stdout=b"", stderr=b"", seconds=0.0)


def test_few_tests_wait_in_the_sandbox_and_share_the_code(runner: asyncio.Runner) -> None:
    cases = [CallCase(args=(number,), expected=1) if number % 2 else StdinCase(stdout="1") for number in range(40)]

    async def run() -> tuple[int, list[Program]]:
        box = Full()
        task = asyncio.create_task(Runner("x" * 1_000, Manner(limits=Limits(), entry_point="f"), box).outcomes(cases))
        for _ in range(100):
            await asyncio.sleep(0)
        waiting = box.waiting
        box.open.set()
        await task
        return waiting, box.came

    waiting, came = runner.run(run())
    assert waiting == SIDE_BY_SIDE
    assert len(came) == 40
    assert len({id(program.files.get(PROGRAM) or program.files.get(MAIN)) for program in came}) == 1
