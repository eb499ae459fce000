from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.diversity.answers import answer_entropy, distinct_answers

if TYPE_CHECKING:
    from random import Random

CLUSTERS = st.lists(st.none() | st.integers(0, 9), max_size=40)


@given(CLUSTERS)
def test_entropy_lies_between_nothing_and_the_logarithm_of_the_clusters(clusters: list[int | None]) -> None:
    entropy = answer_entropy(clusters)
    if entropy is None:
        assert distinct_answers(clusters) == 0
    else:
        assert 0.0 <= entropy <= math.log(distinct_answers(clusters)) + 1e-12


@given(CLUSTERS, st.randoms())
def test_neither_order_nor_candidates_without_an_answer_matter(clusters: list[int | None], random: Random) -> None:
    shuffled = [*clusters, None]
    random.shuffle(shuffled)
    assert distinct_answers(shuffled) == distinct_answers(clusters)
    assert answer_entropy(shuffled) == answer_entropy(clusters)


@pytest.mark.parametrize(
    ("clusters", "distinct", "entropy"),
    [
        ([], 0, None),
        ([None, None], 0, None),
        ([3], 1, 0.0),
        ([3, 3, 3], 1, 0.0),
        ([0, 1], 2, math.log(2)),
        ([0, 0, 1, None], 2, math.log(3) - 2 / 3 * math.log(2)),
    ],
)
def test_entropy_is_in_nats(clusters: list[int | None], distinct: int, entropy: float | None) -> None:
    assert distinct_answers(clusters) == distinct
    assert answer_entropy(clusters) == pytest.approx(entropy)
