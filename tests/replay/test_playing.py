"""All policies over all decks."""

from __future__ import annotations

import asyncio
from itertools import islice

import pytest

from app.replay.playing import Means, Plan, orders, play, play_all
from app.replay.policy import Policy
from app.stopping.none import NeverStop
from app.strategies.parallel import Parallel
from app.strategies.single import Single
from tests.replay.recorded import deck

DECKS = [
    deck(("A", 10), ("B", 20), ("A", 30), ("C", 40)),
    deck(("B", 11), ("B", 21), ("A", 31), (None, 41), ("A", 51)),
    deck(("B", 7), ("B", 7), ("B", 7), ("B", 7)),
]
POLICIES = [
    Policy(label="one", strategy=Single()),
    Policy(label="all", strategy=Parallel(n=4, stop=NeverStop())),
    Policy(label="decided", strategy=Parallel(n=4)),
]
PLAN = Plan(orders=30, seed=1, processes=1)


def played(plan: Plan) -> tuple[list[tuple[Means, ...]], int]:
    done: list[None] = []
    return asyncio.run(play_all(POLICIES, DECKS, plan, lambda: done.append(None))), len(done)


def test_means_are_over_the_orders() -> None:
    policy = Policy(label="decided", strategy=Parallel(n=3))
    [means] = play(deck(("A", 1), ("A", 2), ("A", 3)), 0, [policy], PLAN)
    assert means == Means(accuracy=1.0, tokens=1 + 2 + 2, time=2.0, stopped=1.0)
    [means] = play(DECKS[2], 2, [POLICIES[2]], PLAN)
    assert means == Means(accuracy=0.0, tokens=28.0, time=7.0, stopped=0.0)


def test_a_policy_comes_to_the_same_whatever_it_is_compared_with() -> None:
    together = play(DECKS[0], 0, POLICIES, PLAN)
    assert [play(DECKS[0], 0, [policy], PLAN) for policy in POLICIES] == [(one,) for one in together]


def test_orders_are_permutations_that_differ_by_seed_and_by_deck() -> None:
    plan, other = Plan(orders=5, seed=1, processes=1), Plan(orders=5, seed=2, processes=1)
    drawn = list(orders(20, 0, plan))
    assert all(sorted(order) == list(range(20)) for order in drawn)
    assert drawn == list(orders(20, 0, plan))
    assert len({tuple(order) for order in [*drawn, *orders(20, 1, plan), *orders(20, 0, other)]}) == 15


def test_fewer_orders_are_the_first_of_more() -> None:
    few, more = (orders(9, 3, Plan(orders=number, seed=1, processes=1)) for number in (2, 10**12))
    assert list(few) == list(islice(more, 2))


@pytest.mark.slow
def test_the_results_do_not_depend_on_the_number_of_processes() -> None:
    alone, several = played(PLAN), played(Plan(orders=30, seed=1, processes=3))
    assert alone == several == ([play(one, number, POLICIES, PLAN) for number, one in enumerate(DECKS)], 3)
