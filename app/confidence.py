"""How sure of itself a model was while it wrote, by the log-probabilities of its tokens: DeepConf, arXiv 2508.15260.

A token's confidence is the mean of the negative log-probabilities of the k likeliest tokens in its place: high where
the model saw one way to go on and gave all others next to nothing, low where several were about as likely. A trace's
mean confidence is that of its tokens; its lowest group confidence the least mean of any `GROUP_TOKENS` in a row, which
finds the one passage in which a long solution lost its way.
"""

from __future__ import annotations

import asyncio
from itertools import accumulate
from math import isfinite
from typing import TYPE_CHECKING

import msgspec

from app.candidates import Confidence

if TYPE_CHECKING:
    from collections.abc import Sequence

GROUP_TOKENS = 1_024
"""Tokens of a group; a shorter completion is one group as a whole."""

LEAST_ALTERNATIVES = 2
"""The likeliest token alone tells nothing of how likely the others were."""

LOWEST_LOGPROB = -100.0
"""What engines call impossible (-9999, minus infinity) is taken for this unlikely, so that one token can't decide."""

INLINE_ENTRIES = 200
"""Tokens up to which decoding takes no more than some milliseconds."""


class Alternative(msgspec.Struct):
    """One token that might have stood in the place of another."""

    logprob: float | None = None


class Entry(msgspec.Struct):
    """A token's log-probability and its alternatives, as OpenAI's API has them."""

    top_logprobs: list[Alternative] | None = None


UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What comes of an entry that is none; the last where it is nested too deeply."""

_decode = msgspec.json.Decoder(Entry).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


async def confidence_of(entries: Sequence[bytes]) -> Confidence | None:
    """Return `confidence`, found in a thread where there are many tokens."""
    return await asyncio.to_thread(confidence, entries) if len(entries) > INLINE_ENTRIES else confidence(entries)


def confidence(entries: Sequence[bytes]) -> Confidence | None:
    """Return the confidence of a completion; `entries` are the JSON of its tokens' log-probabilities, in order.

    None where no token came with alternatives. Tokens without any are left out.
    """
    tokens = [value for entry in entries if (value := _token_confidence(entry)) is not None]
    if not tokens:
        return None
    width = min(GROUP_TOKENS, len(tokens))
    sums = [0.0, *accumulate(tokens)]
    groups = (sums[end] - sums[end - width] for end in range(width, len(sums)))
    return Confidence(mean=max(0.0, sums[-1] / len(tokens)), lowest_group=max(0.0, min(groups) / width))


async def with_alternatives(entries: Sequence[bytes], count: int) -> tuple[bytes, ...]:
    """Return the log-probabilities with at most so many alternatives to each token, found in a thread where many."""
    if len(entries) > INLINE_ENTRIES:
        return await asyncio.to_thread(_all_cut, entries, count)
    return _all_cut(entries, count)


def _all_cut(entries: Sequence[bytes], count: int) -> tuple[bytes, ...]:
    return tuple(_cut(entry, count) for entry in entries)


def _cut(entry: bytes, count: int) -> bytes:
    """Return a token's log-probability with its first `count` alternatives; what is unreadable, as it is."""
    try:
        fields = _decode_fields(entry)
        alternatives = _decode_list(fields.get("top_logprobs", b"[]"))
    except UNREADABLE:
        return entry
    if len(alternatives) <= count:
        return entry
    return msgspec.json.encode({**fields, "top_logprobs": alternatives[:count]})


def _token_confidence(entry: bytes) -> float | None:
    try:
        alternatives = _decode(entry).top_logprobs or ()
    except UNREADABLE:
        return None
    found = [max(one.logprob, LOWEST_LOGPROB) for one in alternatives if one.logprob is not None]
    found = [value for value in found if isfinite(value)]
    return -sum(found) / len(found) if len(found) >= LEAST_ALTERNATIVES else None
