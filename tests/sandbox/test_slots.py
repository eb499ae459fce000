from __future__ import annotations

import asyncio

import pytest

from app.errors import SandboxBusyError
from app.sandbox.slots import Slots


def test_slots_are_taken_in_the_order_of_asking_and_numbered_apart() -> None:
    order: list[int] = []
    held: set[int] = set()

    async def main() -> None:
        slots = Slots(2, max_waiting=100)

        async def one(number: int) -> None:
            async with slots.one() as slot:
                assert slot not in held
                held.add(slot)
                order.append(number)
                await asyncio.sleep(0)
                held.remove(slot)

        async with asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(one(number))
        assert (slots.running, slots.waiting) == (0, 0)

    asyncio.run(main())
    assert order == list(range(20))


def test_a_caller_that_gives_up_waiting_leaves_no_trace() -> None:
    async def main() -> None:
        slots = Slots(1, max_waiting=1)

        async def wait() -> None:
            async with slots.one():
                raise AssertionError

        async with slots.one():
            task = asyncio.create_task(wait())
            await asyncio.sleep(0)
            assert slots.waiting == 1
            with pytest.raises(SandboxBusyError):
                await wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (slots.running, slots.waiting) == (1, 0)
        async with slots.one():
            assert slots.running == 1

    asyncio.run(main())
