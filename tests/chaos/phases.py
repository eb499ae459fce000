"""What happens to the workers: a phase an evil, a quarter of it a worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.chaos.worker import Mood

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.chaos.processes import Worker

    Deed = Callable[[Worker], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Phase:
    """What is done to each worker in turn, and how it is undone."""

    name: str
    harm: Deed | None = None
    heal: Deed | None = None


async def _die(worker: Worker) -> None:
    await worker.die()


async def _start(worker: Worker) -> None:
    await worker.start()


async def _freeze(worker: Worker) -> None:
    await worker.freeze()


async def _thaw(worker: Worker) -> None:
    await worker.thaw()


def _be(mood: Mood) -> Deed:
    async def be(worker: Worker) -> None:
        await worker.be(mood)

    return be


PHASES = (
    Phase("calm"),
    Phase("killed", _die, _start),
    Phase("frozen", _freeze, _thaw),
    Phase("slow 20 times", _be(Mood.SLOW), _be(Mood.WELL)),
    Phase("garbage", _be(Mood.GARBAGE), _be(Mood.WELL)),
    Phase("resets", _be(Mood.RESETS), _be(Mood.WELL)),
    Phase("calm again"),
)
