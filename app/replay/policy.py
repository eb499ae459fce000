"""Policies: strategies under a label, and whether independent samples can stand for what they draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from app.aggregators.base import Aggregator
from app.answers.auto import Auto
from app.budget import Budget
from app.estimate import rehearse
from app.replay.errors import PolicyError
from app.strategies.reject import Reject, SimilarityAbove

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.replay.recording import Recorded
    from app.strategies.base import Strategy


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A strategy, and what the results call it."""

    label: str
    strategy: Strategy


def check_policy(policy: Policy) -> None:
    """Raise `PolicyError` where recorded samples can't stand for what the policy does."""
    if reason := _unplayable(policy.strategy):
        raise PolicyError(f"policy {policy.label!r} can't be replayed: {reason}")


def check_samples(policies: Sequence[Policy], recordings: Sequence[Recorded]) -> None:
    """Raise `PolicyError` where a problem has fewer samples than a policy draws."""
    for policy in policies:
        for recorded in recordings:
            if len(recorded.problem.samples) < policy.strategy.draws:
                raise PolicyError(
                    f"policy {policy.label!r} draws up to {policy.strategy.draws} samples, and the problem at "
                    f"{recorded.place} has {len(recorded.problem.samples)}; record more, or let the policy draw fewer"
                )


def _unplayable(strategy: Strategy) -> str | None:
    """Return what of the strategy a replay can't do; None where it can do all."""
    aggregator = strategy.aggregator
    asks_a_model = type(aggregator).choose is not Aggregator.choose
    by_similarity = isinstance(strategy, Reject) and any(isinstance(one, SimilarityAbove) for one in strategy.reject_if)
    drawn_otherwise = _drawn_otherwise(strategy)
    reasons = {
        "its later samples see the earlier ones, and recorded samples saw nothing": _shows(strategy),
        "it rejects by the similarity of texts, which is not simulated": by_similarity,
        "verifiers are not simulated; leave them out": bool(strategy.verifiers),
        "budgets are not simulated; leave `budget` out": strategy.budget != Budget(),
        "answers are found and compared by `auto` here; leave `answer` out": strategy.answer != Auto(),
        f"its samples were drawn before, whatever it says of how to draw; leave {drawn_otherwise} out": bool(
            drawn_otherwise
        ),
        f"its aggregator {aggregator.name!r} asks a model": asks_a_model,
        f"its aggregator {aggregator.name!r} goes by log-probabilities": aggregator.top_logprobs > 0,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _drawn_otherwise(strategy: Strategy) -> str:
    """Return the fields of the spec that would make other samples; `max_tokens` only cuts them, as a replay does."""
    sampling = strategy.sampling.model_dump(exclude_none=True, exclude={"max_tokens"})
    padding = ["`context.pad_tokens`"] if strategy.context.pad_tokens else []
    return ", ".join([*(f"`sampling.{name}`" for name in sampling), *padding])


def _shows(strategy: Strategy) -> bool:
    """Whether a candidate may get to see another."""
    return any(ask.shown for ask in rehearse(strategy))
