from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.workers.balancing import POLICIES, prefix_hash
from app.workers.balancing.base import Draw, burden
from app.workers.balancing.prefix_hash import PrefixHash
from app.workers.balancing.round_robin import RoundRobin
from app.workers.balancing.two_choices import TwoChoices
from app.workers.load import Load
from app.workers.worker import Worker

if TYPE_CHECKING:
    from app.workers.balancing import PolicyName
    from app.workers.balancing.base import Policy

DRAW = Draw(tokens=100)


def worker(name: str = "w", *, warmth: float = 1.0, **load: float) -> Worker:
    return Worker(id=name, locate=str, warmth=warmth, load=Load(**load))  # pyright: ignore[reportArgumentType] - counts


def fleet(*outstanding: int) -> tuple[Worker, ...]:
    return tuple(worker(f"w{number}", outstanding=tokens) for number, tokens in enumerate(outstanding))


def chosen(policy: Policy, workers: tuple[Worker, ...], draw: Draw = DRAW) -> Worker:
    worker = policy.choose(workers, draw)
    assert worker is not None
    return worker


@pytest.mark.parametrize("name", POLICIES)
@given(outstanding=st.lists(st.integers(0, 10**6), min_size=1, max_size=20), prefix=st.integers(0, 2**32 - 1))
def test_every_policy_chooses_one_of_those_that_may_serve(
    name: PolicyName, outstanding: list[int], prefix: int
) -> None:
    workers = fleet(*outstanding)
    assert POLICIES[name]().choose(workers, Draw(tokens=10, prefix=prefix)) in workers


@pytest.mark.parametrize("name", POLICIES)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.booleans(), st.booleans()), max_size=20), st.integers(0, 2**32 - 1))
def test_every_policy_avoids_whom_it_is_told_to_and_takes_one_with_room_where_there_is_any(
    name: PolicyName, told: list[tuple[int, bool, bool]], prefix: int
) -> None:
    workers = fleet(*(tokens for tokens, _, _ in told))
    for one, (_, full, _) in zip(workers, told, strict=True):
        one.load.in_flight = one.limit if full else 0
    avoid = {one for one, (_, _, avoided) in zip(workers, told, strict=True) if avoided}
    chosen = POLICIES[name]().choose(workers, Draw(tokens=10, prefix=prefix), avoid)
    if chosen is None:
        assert avoid == set(workers)
    else:
        assert chosen not in avoid
        assert chosen.has_room or not any(one.has_room for one in workers if one not in avoid)


def test_a_prefix_at_the_end_of_the_ring_gives_way_to_its_beginning() -> None:
    workers, policy = fleet(0, 0, 0), PrefixHash()
    draw = Draw(tokens=1, prefix=2**32 - 1)
    owner = chosen(policy, workers, draw)
    owner.load.begin(1, 1_000)
    assert chosen(policy, workers, draw) is not owner


def test_a_ring_is_laid_out_once_for_all_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    workers, policy = fleet(0, 0, 0), PrefixHash()
    first = chosen(policy, workers, DRAW)
    monkeypatch.setattr(prefix_hash, "Ring", None)
    assert policy.choose(workers, DRAW, {first}) in set(workers) - {first}


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=20, unique=True), st.integers(0, 2**16))
def test_two_choices_never_takes_the_busiest_of_all(outstanding: list[int], seed: int) -> None:
    workers = fleet(*outstanding)
    assert chosen(TwoChoices(Random(seed)), workers).load.outstanding < max(outstanding)


def test_two_choices_spreads_equal_work_nearly_evenly() -> None:
    workers, policy = fleet(*[0] * 100), TwoChoices(Random(1))
    for _ in range(10_000):
        chosen(policy, workers, DRAW).load.begin(1, 100)
    counts = [one.load.in_flight for one in workers]
    assert max(counts) - min(counts) <= 6


@pytest.mark.parametrize(
    "heavier",
    [
        worker(outstanding=1),
        worker(elsewhere=1),
        worker(waiting=1),
        worker(kv_usage=0.5),
        worker(warmth=0.5),
    ],
    ids=["ours", "other gateways'", "its own queue", "its cache", "cold"],
)
def test_all_that_is_known_of_a_workers_load_weighs(heavier: Worker) -> None:
    assert burden(heavier, DRAW) > burden(worker(), DRAW)


def test_round_robin_takes_each_in_turn() -> None:
    workers, policy = fleet(0, 10**6, 0), RoundRobin()
    assert Counter(chosen(policy, workers, DRAW).id for _ in range(9)) == {"w0": 3, "w1": 3, "w2": 3}


def test_prefixes_stay_where_they_are_when_another_worker_goes() -> None:
    workers, policy = fleet(*[0] * 8), PrefixHash()
    prefixes = [Random(seed).getrandbits(32) for seed in range(500)]
    before = {prefix: chosen(policy, workers, Draw(tokens=1, prefix=prefix)) for prefix in prefixes}
    fewer = workers[:-1]
    for prefix, owner in before.items():
        now = chosen(policy, fewer, Draw(tokens=1, prefix=prefix))
        assert now is owner or owner is workers[-1]
    assert len(set(before.values())) == len(workers)


def test_the_worker_of_a_prefix_gives_way_when_it_has_far_more_to_do_than_the_next() -> None:
    workers, policy = fleet(0, 0, 0), PrefixHash()
    draw = Draw(tokens=100, prefix=7)
    owner = chosen(policy, workers, draw)
    owner.load.begin(1, 90)
    assert chosen(policy, workers, draw) is owner
    owner.load.begin(1, 1_000)
    assert chosen(policy, workers, draw) is not owner
