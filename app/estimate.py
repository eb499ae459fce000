"""What a job may cost at worst, before anything is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from app.candidates import Answer, Candidate, Usage
from app.strategies.history import History
from app.tokens import prompt_tokens

if TYPE_CHECKING:
    from app.candidates import Ask
    from app.job import Job
    from app.price import Price
    from app.strategies.base import Strategy


class WorstCase(msgspec.Struct, frozen=True, kw_only=True):
    """Upper bounds of a run; None where the length of a candidate, or the price, is unknown.

    `prompt_tokens` rests on a guess at the length of the caller's messages, on the safe side for English.
    """

    calls: int
    completion_tokens: int | None
    prompt_tokens: int | None
    usd: float | None


def worst_case(job: Job, *, context: int | None, price: Price | None) -> WorstCase:
    """Return what `job` costs if every candidate is as long as it may be and none is accepted before the last.

    `context` is the model's context length in tokens: the bound where the request sets none.
    """
    asks = rehearse(job.strategy)
    policy = job.strategy.context
    head = prompt_tokens(job.messages[:-1], job.fields)
    frames = [head + policy.prompt_tokens(job.messages[-1:], ask) for ask in asks]
    length = job.max_tokens or context
    if not length:
        return WorstCase(calls=len(asks), completion_tokens=None, prompt_tokens=None, usd=None)
    limit = job.strategy.budget.max_completion_tokens
    completion = min(len(asks) * length, limit) if limit else len(asks) * length
    prompt = sum(frames) + sum(len(policy.seen(ask)) for ask in asks) * length
    usd = price.of(Usage(prompt=prompt, completion=completion), busy_s=job.deadline_s) if price else None
    return WorstCase(calls=len(asks), completion_tokens=completion, prompt_tokens=prompt, usd=usd)


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
