from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.aggregators.synthesis import Synthesis
from app.budget import Budget
from app.context import Context
from app.estimate import rehearse, worst_case
from app.job import Job
from app.padding import FRAME_TOKENS
from app.price import Price
from app.strategies.hybrid import Hybrid
from app.strategies.parallel import Parallel
from app.strategies.reject import Reject
from app.strategies.sequential import Sequential
from app.tokens import TEMPLATE_TOKENS, prompt_tokens
from app.verifiers.judge import JudgeVerifier

if TYPE_CHECKING:
    from app.candidates import Message
    from app.strategies.base import Strategy

MESSAGES: list[Message] = [{"role": "user", "content": "x" * 300}]
BASE = TEMPLATE_TOKENS + prompt_tokens(MESSAGES)


def job(strategy: Strategy, **fields: object) -> Job:
    return Job(
        run_id="run_1",
        model="m",
        messages=MESSAGES,
        strategy=strategy,
        selected_by="body",
        arrived=0.0,
        deadline_s=1.0,
        fields=fields,
    )


def test_independent_samples_cost_the_sum_of_their_lengths() -> None:
    worst = worst_case(
        job(Parallel(n=4), max_tokens=100), context=None, prices={"m": Price(prompt=1.0, completion=2.0)}
    )
    assert (worst.calls, worst.completion_tokens, worst.prompt_tokens) == (4, 400, 4 * BASE)
    assert worst.usd == (4 * BASE + 800) / 1_000_000


def test_rounds_pay_for_what_they_are_shown() -> None:
    alone = worst_case(job(Parallel(n=3), max_tokens=100), context=None, prices={})
    rounds = worst_case(job(Sequential(rounds=3), max_tokens=100), context=None, prices={})
    short = worst_case(
        job(Sequential(rounds=3, context=Context(max_previous=1)), max_tokens=100), context=None, prices={}
    )
    assert alone.prompt_tokens is not None
    assert short.prompt_tokens is not None
    assert rounds.prompt_tokens is not None
    assert short.prompt_tokens >= alone.prompt_tokens + 2 * 100
    assert rounds.prompt_tokens >= alone.prompt_tokens + 3 * 100


def test_padding_is_part_of_every_prompt() -> None:
    for tokens in (500, 1_000_000):
        strategy = Parallel(n=2, context=Context(pad_tokens=tokens))
        worst = worst_case(job(strategy, max_tokens=10), context=None, prices={})
        assert worst.prompt_tokens == 2 * (BASE + tokens + FRAME_TOKENS)


def test_tools_are_part_of_every_prompt() -> None:
    tools = [{"type": "function", "function": {"name": "add", "description": "x" * 300}}]
    worst = worst_case(job(Parallel(n=2), max_tokens=10, tools=tools), context=None, prices={})
    assert worst.prompt_tokens == 2 * (TEMPLATE_TOKENS + prompt_tokens(MESSAGES, {"tools": tools}))


def test_a_budget_bounds_the_tokens() -> None:
    strategy = Parallel(n=8, budget=Budget(max_completion_tokens=250))
    assert worst_case(job(strategy, max_tokens=100), context=None, prices={}).completion_tokens == 250
    assert worst_case(job(strategy, max_tokens=10), context=None, prices={}).completion_tokens == 80


def test_the_models_context_bounds_what_the_request_does_not() -> None:
    assert worst_case(job(Parallel(n=2)), context=50, prices={}).completion_tokens == 100


def test_without_any_bound_only_the_calls_are_known() -> None:
    worst = worst_case(job(Parallel(n=2)), context=None, prices={"m": Price(completion=1.0)})
    assert (worst.calls, worst.completion_tokens, worst.prompt_tokens, worst.usd) == (2, None, None, None)


def test_a_price_by_the_hour_is_at_worst_that_of_the_whole_deadline() -> None:
    worst = worst_case(job(Parallel(n=2), max_tokens=9), context=None, prices={"m": Price(gpu_hour=3_600.0)})
    assert worst.usd == 1.0


def test_every_model_that_is_paid_by_the_hour_is_so_once_for_the_whole_deadline() -> None:
    judges = (JudgeVerifier(model="judge"), JudgeVerifier(model="judge"), JudgeVerifier())
    prices = {"m": Price(gpu_hour=3_600.0), "judge": Price(gpu_hour=7_200.0)}
    worst = worst_case(job(Parallel(n=2, verifiers=judges), max_tokens=9), context=None, prices=prices)
    assert worst.usd == 1.0 + 2.0


def test_the_rehearsal_accepts_nobody_and_shows_everybody() -> None:
    assert len(rehearse(Reject(max_attempts=5))) == 5
    assert [len(ask.shown) for ask in rehearse(Hybrid(widths=(1, 2, 1)))] == [0, 1, 1, 3]


def test_every_candidate_may_be_judged_and_what_is_written_of_them_too() -> None:
    judge = JudgeVerifier(model="judge", max_tokens=30)
    judged = worst_case(job(Parallel(n=4, verifiers=(judge,)), max_tokens=100), context=None, prices={})
    assert (judged.calls, judged.completion_tokens, judged.usd) == (8, 400 + 4 * 30, None)
    assert judged.prompt_tokens is not None
    assert judged.prompt_tokens > 2 * 4 * BASE + 4 * 100
    strategy = Parallel(n=4, verifiers=(judge,), aggregator=Synthesis(max_tokens=70))
    written = worst_case(job(strategy, max_tokens=100), context=None, prices={})
    assert (written.calls, written.completion_tokens) == (4 + 5 + 1, 400 + 5 * 30 + 70)


def test_judges_cost_by_their_own_price() -> None:
    judge = JudgeVerifier(model="judge", max_tokens=30)
    prices = {"m": Price(completion=1.0), "judge": Price(completion=10.0)}
    worst = worst_case(job(Parallel(n=4, verifiers=(judge,)), max_tokens=100), context=None, prices=prices)
    assert worst.usd == pytest.approx((400 + 10 * 120) / 1_000_000)


def test_without_a_bound_on_the_candidates_the_calls_of_judges_are_known_all_the_same() -> None:
    worst = worst_case(job(Parallel(n=2, verifiers=(JudgeVerifier(),))), context=None, prices={})
    assert (worst.calls, worst.completion_tokens) == (4, None)
