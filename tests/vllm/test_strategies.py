"""Every strategy on real vLLM workers: the answer is whole, and its account is what the workers counted themselves."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.vllm.fleet import account

if TYPE_CHECKING:
    from tests.vllm.counters import Counters
    from tests.vllm.fleet import Fleet, Json

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(600)]

BLOCK = 128
"""Tokens in a block of vLLM's cache on CPUs: only whole blocks are found again."""
WORDS = ["river", "stone", "apple", "window", "garden", "music", "paper", "forest", "bread", "winter"]
NEVER = {"type": "regex", "pattern": "^nothing like that$"}
STRATEGIES: dict[str, tuple[int, Json]] = {
    "single": (1, {"type": "single"}),
    "parallel-8": (8, {"type": "parallel", "n": 8, "stop": "none"}),
    "sequential-3": (3, {"type": "sequential", "rounds": 3, "stop": "none"}),
    "hybrid-2x2": (4, {"type": "hybrid", "chains": 2, "rounds": 2, "stop": "none"}),
    "hybrid-1+1+3": (5, {"type": "hybrid", "widths": [1, 1, 3], "stop": "none"}),
    "reject-3": (3, {"type": "reject", "max_attempts": 3, "verifiers": [NEVER]}),
}

strategies = pytest.mark.parametrize(("calls", "strategy"), STRATEGIES.values(), ids=STRATEGIES)


def assert_counted(fleet: Fleet, before: Counters, answer: Json, calls: int) -> None:
    """Hold that the usage of the only request since `before` is what the servers have counted."""
    spent = fleet.settled() - before
    usage = answer["usage"]
    assert answer["quorum"]["cost"]["calls"] == calls
    assert usage["completion_tokens"] == spent.generated
    assert usage["prompt_tokens"] == spent.prompt
    assert usage["prompt_tokens_details"]["cached_tokens"] == spent.cached


@strategies
def test_the_usage_of_an_answer_is_what_the_workers_counted(calm_fleet: Fleet, calls: int, strategy: Json) -> None:
    before = calm_fleet.settled()
    answer = calm_fleet.answer(strategy, max_tokens=16)
    assert answer["choices"][0]["finish_reason"] in {"stop", "length"}
    assert_counted(calm_fleet, before, answer, calls)


@strategies
def test_the_usage_of_a_stream_is_what_the_workers_counted_and_it_ends_once(
    calm_fleet: Fleet, calls: int, strategy: Json
) -> None:
    before = calm_fleet.settled()
    events = calm_fleet.stream(strategy, max_tokens=16)
    assert events.index("[DONE]") == len(events) - 1
    assert_counted(calm_fleet, before, account(events), calls)


def long_question(seed: int) -> list[Json]:
    """Return messages of more than two blocks, which nobody has asked before."""
    words = random.Random(seed).choices(WORDS, k=2 * BLOCK)
    return [{"role": "user", "content": f"Say something of: {' '.join(words)}"}]


def test_later_rounds_find_their_prefix_in_the_cache_of_the_worker_that_has_read_it(calm_fleet: Fleet) -> None:
    before = calm_fleet.settled()
    answer = calm_fleet.answer(STRATEGIES["sequential-3"][1], messages=long_question(1), max_tokens=16)
    spent = calm_fleet.settled() - before
    assert len({candidate["worker"] for candidate in answer["quorum"]["candidates"]}) == 1
    assert spent.cached >= 2 * 2 * BLOCK
    assert answer["usage"]["prompt_tokens_details"]["cached_tokens"] == spent.cached


def test_each_of_several_chains_stays_on_the_worker_that_holds_its_prefix(calm_fleet: Fleet) -> None:
    answer = calm_fleet.answer(STRATEGIES["hybrid-2x2"][1], messages=long_question(2), max_tokens=16)
    homes = {(candidate["chain"], candidate["worker"]) for candidate in answer["quorum"]["candidates"]}
    assert len(homes) == 2
    assert answer["usage"]["prompt_tokens_details"]["cached_tokens"] >= 2 * 2 * BLOCK
