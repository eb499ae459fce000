from __future__ import annotations

import asyncio

from app.sandbox.base import Ended, Limits, Program
from app.sandbox.turns import AT_ONCE, Turns


class OneByOne:
    """A sandbox that runs one program at a time, in the order of asking, and notes whose it was."""

    ceilings = Limits()

    def __init__(self) -> None:
        self.waiting = 0
        self.running = 0
        self.ran: list[str] = []
        self._slot = asyncio.Semaphore(1)

    async def check(self) -> None:
        self.ran.append("check")

    async def run(self, program: Program) -> Ended:
        self.waiting += 1
        async with self._slot:
            self.waiting -= 1
            await asyncio.sleep(0)
            self.ran.append(program.command[0])
        return Ended(how="exited", code=0, stdout=b"", stderr=b"", seconds=0.0)


def test_a_run_with_few_programs_waits_behind_a_few_of_a_run_with_many() -> None:
    async def scenario() -> tuple[list[str], int]:
        sandbox = OneByOne()
        many, few = Turns(sandbox), Turns(sandbox)
        async with asyncio.TaskGroup() as group:
            for _ in range(100):
                group.create_task(many.run(Program(command=["many"])))
            await asyncio.sleep(0)
            most = many.waiting
            group.create_task(few.run(Program(command=["few"])))
        return sandbox.ran, most

    ran, most = asyncio.run(scenario())
    assert ran.index("few") <= AT_ONCE
    assert most <= AT_ONCE
    assert (ran.count("many"), ran.count("few")) == (100, 1)


def test_what_the_sandbox_says_of_itself_is_passed_on() -> None:
    async def scenario() -> None:
        sandbox = OneByOne()
        turns = Turns(sandbox)
        await turns.check()
        assert sandbox.ran == ["check"]
        assert (turns.running, turns.waiting, turns.ceilings) == (0, 0, sandbox.ceilings)

    asyncio.run(scenario())
