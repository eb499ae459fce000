"""Diversity of the words: repeated bigrams across candidates, and 8-grams copied from earlier solutions.

A word is a longest run of letters, digits and underscores, its case folded; a Chinese or Japanese character, which
no space parts from the next, is a word of its own. N-grams are compared by 64-bit hashes, salted by the process:
a text of n words takes O(n) time and 8 n bytes, and two different n-grams are taken for the same one with a
probability of about 2^-64.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import chain, pairwise
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Hashes: TypeAlias = NDArray[np.uint64]

COPY_LENGTH = 8
"""Words in a row that count as copied when they stand in an earlier solution."""

_SHORT = 8_000
"""Characters up to which a set of bigrams is quicker than an array of their hashes."""

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that multiplying by it loses nothing modulo 2^64


def distinct_2(texts: Iterable[str]) -> float | None:
    """Return the distinct word bigrams over all word bigrams of `texts`, in 0..1; None where there is no bigram.

    No bigram reaches from one text into the next. After Li et al., arXiv 1510.03055.
    """
    occurrences = Counter(texts)
    if sum(map(len, occurrences)) <= _SHORT:
        return _distinct_2_of_short(occurrences)
    bigrams = {text: _ngrams(text, 2) for text in occurrences}
    total = sum(count * len(bigrams[text]) for text, count in occurrences.items())
    return len(np.unique(np.concatenate(list(bigrams.values())))) / total if total else None


def _distinct_2_of_short(occurrences: Counter[str]) -> float | None:
    """Return the same by way of sets, which for few words take a tenth of the time that arrays do."""
    bigrams = {text: list(pairwise(_WORD.findall(text.casefold()))) for text in occurrences}
    total = sum(count * len(bigrams[text]) for text, count in occurrences.items())
    return len(set(chain.from_iterable(bigrams.values()))) / total if total else None


def copy_ratio(text: str, shown: Sequence[str]) -> float:
    """Return the share of the word 8-grams of `text` that stand in any of the texts `shown`, in 0..1.

    An 8-gram that `text` repeats counts each time. A text of fewer than 8 words has none, so its ratio is 0.
    """
    grams = _ngrams(text, COPY_LENGTH)
    if not len(grams) or not shown:
        return 0.0
    if text in shown:
        return 1.0
    known = np.concatenate([_ngrams(other, COPY_LENGTH) for other in dict.fromkeys(shown)])
    return float(np.isin(grams, known).mean())


def _ngrams(text: str, length: int) -> Hashes:
    """Return the hash of every run of `length` words, in their order; empty where there are fewer words."""
    words: list[str] = _WORD.findall(text.casefold())
    hashes = np.fromiter(map(hash, words), dtype=np.int64, count=len(words)).view(np.uint64)
    count = max(0, len(words) - length + 1)
    grams = np.zeros(count, dtype=np.uint64)
    for offset in range(length):
        grams = grams * _BASE + hashes[offset : offset + count]
    return grams
