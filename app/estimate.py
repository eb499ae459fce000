"""What a job may cost at worst, before anything is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from app.candidates import Answer, Candidate, Usage
from app.inquiry import times
from app.requirements import expenses
from app.strategies.history import History
from app.tokens import prompt_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.candidates import Ask
    from app.inquiry import Expense
    from app.job import Job
    from app.price import Price
    from app.strategies.base import Strategy


class WorstCase(msgspec.Struct, frozen=True, kw_only=True):
    """Upper bounds of a run; None where the length of a candidate, or a price, is unknown.

    `calls` are the candidates, and what judges and aggregators ask besides. `prompt_tokens` rests on a guess at the
    length of the caller's messages, on the safe side for English.
    """

    calls: int
    completion_tokens: int | None
    prompt_tokens: int | None
    usd: float | None


def worst_case(job: Job, *, context: int | None, prices: Mapping[str, Price]) -> WorstCase:
    """Return what `job` costs if every candidate is as long as it may be and none is accepted before the last.

    `context` is the model's context length in tokens: the bound where the request sets none.
    """
    asks = rehearse(job.strategy)
    policy = job.strategy.context
    head = prompt_tokens(job.messages[:-1], job.fields)
    frames = [head + policy.prompt_tokens(job.messages[-1:], ask) for ask in asks]
    length = job.max_tokens or context
    beside = _beside(job, length or 0, candidates=len(asks))
    calls = len(asks) + sum(expense.calls for expense in beside)
    if not length:
        return WorstCase(calls=calls, completion_tokens=None, prompt_tokens=None, usd=None)
    drawn = Usage(
        prompt=sum(frames) + sum(len(policy.seen(ask)) for ask in asks) * length, completion=len(asks) * length
    )
    total = sum((expense.usage for expense in beside), drawn)
    limit = job.strategy.budget.max_completion_tokens
    return WorstCase(
        calls=calls,
        completion_tokens=min(total.completion, limit) if limit else total.completion,
        prompt_tokens=total.prompt,
        usd=_usd(job, drawn, beside, prices),
    )


def _beside(job: Job, length: int, *, candidates: int) -> list[Expense]:
    """Return the most that all judging and aggregating costs, where every candidate has `length` tokens."""
    judging, aggregating = expenses(job, length)
    return [*(times(expense, candidates) for expense in judging), *aggregating]


def _usd(job: Job, drawn: Usage, beside: Sequence[Expense], prices: Mapping[str, Price]) -> float | None:
    """Return the price of it all; None where one isn't known. A limit on tokens bounds the candidates' share.

    A model that is paid by the hour is so for the whole time that the run may take, however many calls it has.
    """
    limit = job.strategy.budget.max_completion_tokens
    spent = {job.model: replace(drawn, completion=min(drawn.completion, limit)) if limit else drawn}
    for expense in beside:
        model = expense.model or job.model
        spent[model] = spent.get(model, Usage()) + expense.usage
    if not spent.keys() <= prices.keys():
        return None
    return sum(prices[model].of(usage, busy_s=job.deadline_s) for model, usage in spent.items())


def rehearse(strategy: Strategy) -> list[Ask]:
    """Return all that the strategy would ask if every candidate finished and none was accepted."""
    asked: list[Ask] = []
    done: list[Candidate] = []
    while asks := strategy.next(History(asked=asked, done=done)):
        for ask in asks:
            done.append(_rejected(len(asked), ask))
            asked.append(ask)
    return asked


def _rejected(index: int, ask: Ask) -> Candidate:
    return Candidate(
        index=index,
        round=ask.round,
        chain=ask.chain,
        finish_reason="stop",
        answer=Answer(kind="text", text="", key=str(index)),
        rejection="rehearsal",
    )
