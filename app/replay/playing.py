"""All policies over all decks: what each came to a problem, over the same random orders for all of them."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import TYPE_CHECKING

import msgspec

from app.offload import Offload
from app.replay.simulation import Simulation
from app.side_by_side import side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from app.replay.deck import Deck
    from app.replay.policy import Policy
    from app.replay.simulation import Trial

DAY_S = 86_400.0
"""Seconds that one problem may take; Ctrl-C ends it at any time."""


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """One policy on one problem: means over all orders.

    `accuracy` is the share of runs with a right answer, `stopped` of those that a stop rule ended early; `tokens` were
    generated altogether, `time` by the longest path through the run.
    """

    accuracy: float
    tokens: float
    time: float
    stopped: float


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How to play: so many random orders a problem, the same for every policy, drawn from `seed`."""

    orders: int
    seed: int
    processes: int


async def play_all(
    policies: Sequence[Policy], decks: Sequence[Deck], plan: Plan, done: Callable[[], object]
) -> list[tuple[Means, ...]]:
    """Return for every deck what each policy came to. `done` is told of every deck that is played.

    The results depend on neither the number of processes nor on what other policies there are.
    """
    async with Offload(max_workers=plan.processes, max_waiting=len(decks), preload=(__name__,)) as offload:

        async def one(number: int, deck: Deck) -> tuple[Means, ...]:
            means = await offload.call(play, deck, number, policies, plan, timeout_s=DAY_S)
            done()
            return means

        return await side_by_side([partial(one, number, deck) for number, deck in enumerate(decks)])


def play(deck: Deck, number: int, policies: Sequence[Policy], plan: Plan) -> tuple[Means, ...]:
    """Return what each policy comes to on the deck, the one of that `number`."""
    played = [(Simulation(policy.strategy, deck), _Sums()) for policy in policies]
    for order in orders(len(deck.candidates), number, plan):
        for simulation, sums in played:
            sums.add(simulation.run(order), deck)
    return tuple(sums.means(plan.orders) for _, sums in played)


def orders(size: int, number: int, plan: Plan) -> Iterator[list[int]]:
    """Yield the orders in which the samples of deck `number` are drawn."""
    random = Random(f"{plan.seed}/{number}")  # noqa: S311 - nothing secret
    for _ in range(plan.orders):
        yield random.sample(range(size), size)


class _Sums:
    """What the runs of one policy on one deck come to altogether."""

    def __init__(self) -> None:
        self._right = self._tokens = self._time = self._stopped = 0

    def add(self, trial: Trial, deck: Deck) -> None:
        """Count a run."""
        self._right += trial.cluster in deck.right
        self._tokens += trial.tokens
        self._time += trial.time
        self._stopped += trial.stopped_by is not None

    def means(self, runs: int) -> Means:
        """Return the means of so many runs."""
        return Means(
            accuracy=self._right / runs,
            tokens=self._tokens / runs,
            time=self._time / runs,
            stopped=self._stopped / runs,
        )
