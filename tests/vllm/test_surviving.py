"""Requests outlive the workers that serve them. It comes last in the folder, and the worst of it at its very end."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.vllm.counters import wait_until

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.vllm.fleet import Fleet, Json
    from tests.vllm.servers import Vllm

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(600)]

FAN_OUT: Json = {"type": "parallel", "n": 8, "stop": "none"}
RETURN_LIMIT_S = 60.0


@contextmanager
def frozen(server: Vllm) -> Generator[None]:
    """Stop all processes of a server for as long as the context lasts."""
    server.signal_all(signal.SIGSTOP)
    try:
        yield
    finally:
        server.signal_all(signal.SIGCONT)


def serves_again(fleet: Fleet, server: Vllm) -> bool:
    """Ask the fleet for enough at once to occupy all of it; return whether `server` had a part in it."""
    before = server.metrics()["generation_tokens_total"]
    with ThreadPoolExecutor() as pool:
        for answer in [pool.submit(fleet.answer, "single", max_tokens=4) for _ in fleet.servers]:
            answer.result()
    return server.metrics()["generation_tokens_total"] > before


def test_a_worker_that_is_frozen_in_the_middle_is_not_waited_for_and_returns_once_it_thaws(fleet: Fleet) -> None:
    fleet.settled()
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(fleet.answer, FAN_OUT, max_tokens=256, ignore_eos=True)
        server = fleet.at_work()
        with frozen(server):
            answer = asked.result()
    assert answer["choices"][0]["message"]["content"]
    fleet.settled()
    wait_until(lambda: serves_again(fleet, server), within_s=RETURN_LIMIT_S)


def test_a_worker_that_is_killed_in_the_middle_costs_nobody_an_answer(fleet: Fleet) -> None:
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(fleet.ask, FAN_OUT, max_tokens=256, ignore_eos=True)
        fleet.at_work().signal_all(signal.SIGKILL)
        assert asked.result().status_code == 200
    assert fleet.ask(FAN_OUT, max_tokens=4).status_code == 200
    assert fleet.up().count(True) == len(fleet.servers) - 1
