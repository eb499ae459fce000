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
    from collections.abc import Callable, Sequence

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
    drawn = orders(len(deck.candidates), number, plan)
    return tuple(_means(deck, Simulation(policy.strategy), drawn) for policy in policies)


def orders(size: int, number: int, plan: Plan) -> list[list[int]]:
    """Return the orders in which the samples of deck `number` are drawn."""
    random = Random(f"{plan.seed}/{number}")  # noqa: S311 - nothing secret
    return [random.sample(range(size), size) for _ in range(plan.orders)]


def _means(deck: Deck, simulation: Simulation, drawn: Sequence[Sequence[int]]) -> Means:
    trials: list[Trial] = [simulation.run(deck, order) for order in drawn]
    runs = len(trials)
    return Means(
        accuracy=sum(trial.cluster in deck.right for trial in trials) / runs,
        tokens=sum(trial.tokens for trial in trials) / runs,
        time=sum(trial.time for trial in trials) / runs,
        stopped=sum(trial.stopped_by is not None for trial in trials) / runs,
    )
