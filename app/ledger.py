"""The account of a run: its tokens by what became of them, and what they cost."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

import msgspec

from app.candidates import Fate, Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.candidates import Candidate, Waste
    from app.inquiry import SideCall
    from app.price import Price


LONGEST = 3
"""How many times as long as the longest that was seen a candidate might have become, at most."""

NO_TOKENS = dict.fromkeys(Fate, 0)  # to walk through an enum takes longer than to copy this


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What a run cost. `usd` is None where the model has no configured price.

    `usage` is the sum over every call, `completion_by_fate` its completion tokens by fate. `beside` is the part of
    `usage` that is no candidate's, by model: what judges and reward models have cost, and aggregators but for a
    candidate that they wrote, which has its own fate; `wasted` what calls cost that were made anew or overtaken.
    `saved_estimate` is how many completion tokens ending early has spared, going by those candidates that came to
    their end.
    """

    usd: float | None
    usage: Usage
    completion_by_fate: Mapping[Fate, int]
    saved_estimate: int
    calls: int
    beside: Mapping[str, Usage] = {}
    wasted: Sequence[Waste] = ()


def account(
    candidates: Sequence[Candidate],
    *,
    model: str,
    prices: Mapping[str, Price],
    undrawn: int,
    calls: int,
    busy_s: float,
    side_calls: Sequence[SideCall] = (),
    wasted: Sequence[Waste] = (),
) -> Cost:
    """Return the cost of a run whose candidates, drawn from `model` unless they name another, have their fates.

    `undrawn` candidates were never asked for because the run ended early; `busy_s` is the time in seconds during which
    any call of `model`, be it for a candidate or beside them, was under way; `wasted` was drawn from `model`, too.
    """
    beside: dict[str, Usage] = {}
    for call in side_calls:
        beside[call.model] = beside.get(call.model, Usage()) + call.usage
    spent = {**beside, model: beside.get(model, Usage())}
    for candidate in candidates:
        name = candidate.model or model
        spent[name] = spent.get(name, Usage()) + candidate.usage
    spent[model] = sum((waste.usage for waste in wasted), spent[model])
    by_fate = dict(NO_TOKENS)
    for waste in wasted:
        by_fate[waste.fate] += waste.usage.completion
    for candidate in candidates:
        by_fate[candidate.fate or Fate.FAILED] += candidate.usage.completion
    by_fate[Fate.VERIFIER] += sum(usage.completion for usage in beside.values())
    seconds = {name: _busy_s(name, candidates, side_calls) for name in spent if name != model}
    return Cost(
        usd=_usd(spent, {**seconds, model: busy_s}, prices),
        usage=sum(spent.values(), Usage()),
        completion_by_fate=by_fate,
        saved_estimate=_saved(candidates, undrawn),
        calls=calls,
        beside=beside,
        wasted=wasted,
    )


def _busy_s(model: str, candidates: Sequence[Candidate], side_calls: Sequence[SideCall]) -> float:
    """Return the seconds during which calls of a model that isn't the request's were under way; of those at once, one.

    What it wrote as a candidate was written by itself.
    """
    busy_s = sum(candidate.latency_ms for candidate in candidates if candidate.model == model) / 1_000
    end = float("-inf")
    for call in sorted((call for call in side_calls if call.model == model), key=lambda call: call.began):
        busy_s += max(call.began + call.seconds - max(call.began, end), 0.0)
        end = max(end, call.began + call.seconds)
    return busy_s


def _usd(spent: Mapping[str, Usage], seconds: Mapping[str, float], prices: Mapping[str, Price]) -> float | None:
    """Return the sum over the models; None where one of them has no price, as a part of the sum would mislead."""
    if not spent.keys() <= prices.keys():
        return None
    return sum(prices[model].of(usage, seconds[model]) for model, usage in spent.items())


def _saved(candidates: Sequence[Candidate], undrawn: int) -> int:
    """Return the completion tokens spared, estimated from the candidates that came to their end; 0 without any."""
    ended = (c for c in candidates if c.finished and not c.synthesized)
    lengths = [c.usage.completion for c in ended if c.fate != Fate.CANCELLED]
    if not lengths:
        return 0
    cut = [c.usage.completion for c in candidates if c.fate == Fate.CANCELLED and not c.finished]
    whole = _uncut(cut, lengths)
    return round(sum(whole) - sum(cut) + undrawn * fmean([*lengths, *whole]))


def _uncut(cut: Sequence[int], ended: Sequence[int]) -> list[float]:
    """Return how long candidates might have become that were cut off at such lengths, judging by those that `ended`.

    Those that end first are the short ones, so their mean says too little. Lengths are taken to be spread evenly: what
    was cut off would have ended as far apart as what ended did, though no later than `LONGEST` times the longest seen;
    half of the way from its cut to there is the mean.
    """
    low, high = min(ended), max(ended)
    apart = (high - low) / (len(ended) - 1) if len(ended) > 1 else 0.0
    last = min(high + (len(cut) + 1) * apart, LONGEST * max(*ended, *cut, 0))
    return [max((max(length, low) + last) / 2, length) for length in cut]
