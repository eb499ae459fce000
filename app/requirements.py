"""What the parts of a strategy need besides candidates: that it is there, and what it costs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from app.errors import (
    DeadlineExceededError,
    InvalidRequestError,
    InvalidStrategyError,
    QuorumError,
    SandboxDownError,
    SandboxUnavailableError,
)
from app.price import Price
from app.purse import NONE, Room

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from app.inquiry import Expense
    from app.job import Job
    from app.strategies.base import Strategy
    from app.verifiers.base import VerifierTools

FREE = Price()

USUAL_CANDIDATE_TOKENS = 2_048
"""The length that a candidate is taken to have, in reckoning what it costs to judge, where nothing bounds it."""


def has_needs(strategy: Strategy) -> bool:
    """Whether the strategy's parts may need anything besides candidates, or cost anything."""
    return bool(strategy.verifiers) or strategy.aggregator.asks


async def check_parts(strategy: Strategy, tools: VerifierTools) -> None:
    """Make sure that this server can do what the strategy's parts need, before anything is drawn.

    Raises what is missing, as the request's mistake, with the path of the part that misses it, and
    `DeadlineExceededError` where finding that out (a reference is tried on its tests) takes all the time there is.
    """
    if not strategy.verifiers:  # a model is looked up, which takes no time to be bounded
        await _check_each(strategy, tools)
        return
    try:
        async with asyncio.timeout_at(tools.until):
            await _check_each(strategy, tools)
    except TimeoutError as error:
        raise DeadlineExceededError(
            "the verifiers could not be checked in time; raise budget.deadline_s", param="strategy.budget.deadline_s"
        ) from error


async def _check_each(strategy: Strategy, tools: VerifierTools) -> None:
    for place, verifier in enumerate(strategy.verifiers):
        try:
            await verifier.check(tools)
        except QuorumError as error:
            raise _at(f"strategy.verifiers.{place}", error) from error
    try:
        await strategy.aggregator.check(tools.models)
    except QuorumError as error:
        raise _at("strategy.aggregator", error) from error


def check_calls(job: Job, limit: int) -> None:
    """Refuse a job that may make more calls of models than the `limit`. Raises `InvalidStrategyError`."""
    judging, aggregating = expenses(job, USUAL_CANDIDATE_TOKENS)
    a_candidate = 1 + sum(expense.calls for expense in judging)
    calls = job.strategy.draws * a_candidate + sum(expense.calls for expense in aggregating)
    if calls > limit:
        raise InvalidStrategyError(
            f"the strategy makes up to {calls} calls of models, over the limit of {limit}", param="strategy"
        )


def expenses(job: Job, candidate_tokens: int) -> tuple[Sequence[Expense], Sequence[Expense]]:
    """Return the most that judging one candidate of the job costs, and the most that aggregating them all does.

    The latter holds the judging of what the aggregator writes itself.
    """
    strategy, aggregator = job.strategy, job.strategy.aggregator
    if not has_needs(strategy):
        return (), ()
    prompt = job.prompt_tokens

    def judging(tokens: int) -> list[Expense]:
        return [expense for one in strategy.verifiers for expense in one.expenses(prompt, tokens)]

    aggregating = list(aggregator.expenses(prompt, candidate_tokens, strategy.draws))
    if aggregating and aggregator.written_tokens:
        aggregating += judging(aggregator.written_tokens)
    return judging(candidate_tokens), aggregating


def rooms(job: Job, prices: Mapping[str, Price]) -> tuple[Room, Room]:
    """Return the most that judging one candidate takes of the budget, and the most that aggregating them all does.

    Raises `InvalidRequestError` where a limit in money can't be kept, as the price of a model is unknown.
    """
    judging, aggregating = expenses(job, job.max_tokens or USUAL_CANDIDATE_TOKENS)
    if job.strategy.budget.max_cost_usd is not None:
        for model in (job.model, *_models(job, (*judging, *aggregating))):
            if model not in prices:
                raise InvalidRequestError(
                    f"max_cost_usd can't be kept: the server knows no price of model {model!r}; leave it out",
                    param="strategy.budget.max_cost_usd",
                )
    return _room(job, judging, prices), _room(job, aggregating, prices)


def _room(job: Job, spent: Sequence[Expense], prices: Mapping[str, Price]) -> Room:
    if not spent:
        return NONE
    return Room(
        tokens=sum(expense.usage.completion for expense in spent),
        usd=sum(prices.get(expense.model or job.model, FREE).of(expense.usage) for expense in spent),
    )


def models_of(job: Job) -> set[str]:
    """Return the models that the job may ask: its own, and those of judges and aggregators."""
    judging, aggregating = expenses(job, USUAL_CANDIDATE_TOKENS)
    return {job.model, *_models(job, (*judging, *aggregating))}


def _models(job: Job, spent: Sequence[Expense]) -> Iterator[str]:
    return (expense.model or job.model for expense in spent)


def _at(path: str, error: QuorumError) -> QuorumError:
    """Return the error with its part's path; where the server lacks something, the strategy is one it can't run."""
    param = f"{path}.{error.param}" if error.param else path
    if isinstance(error, SandboxUnavailableError) and not isinstance(error, SandboxDownError):
        return InvalidStrategyError(error.message, param=param)
    error.param = param
    return error
