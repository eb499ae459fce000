from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn

from app.diversity.spectral import Matrix, max_similarity, similarity_and_vendi

if TYPE_CHECKING:
    from random import Random

    from numpy.typing import NDArray

MATRICES = stn.arrays(
    np.float32,
    st.tuples(st.integers(1, 12), st.integers(1, 8)),
    elements=st.floats(-1, 1, width=32),
).filter(lambda matrix: bool((np.linalg.norm(matrix, axis=1) > 1e-3).all()))


def mean_pairwise_similarity(matrix: Matrix) -> float | None:
    return similarity_and_vendi(matrix)[0]


def vendi_score(matrix: Matrix) -> float:
    return similarity_and_vendi(matrix)[1]


def cosines(matrix: Matrix) -> NDArray[np.float64]:
    rows = matrix.astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows @ rows.T


@given(MATRICES)
def test_vendi_score_lies_between_1_and_the_number_of_rows(matrix: Matrix) -> None:
    assert 1.0 <= vendi_score(matrix) <= len(matrix)


@given(MATRICES)
def test_vendi_score_is_the_exponential_of_the_entropy_of_the_spectrum(matrix: Matrix) -> None:
    spectrum = np.linalg.eigvalsh(cosines(matrix) / len(matrix))
    spectrum = spectrum[spectrum > 1e-12]
    assert vendi_score(matrix) == pytest.approx(float(np.exp(-(spectrum * np.log(spectrum)).sum())), abs=1e-6)


@given(MATRICES)
def test_mean_similarity_is_the_mean_over_all_pairs(matrix: Matrix) -> None:
    n = len(matrix)
    pairs = [float(cosines(matrix)[i, j]) for i in range(n) for j in range(i)]
    assert mean_pairwise_similarity(matrix) == (pytest.approx(np.mean(pairs), abs=1e-9) if pairs else None)


@given(MATRICES, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(matrix: Matrix, random: Random) -> None:
    order = list(range(len(matrix)))
    random.shuffle(order)
    assert vendi_score(matrix[order]) == pytest.approx(vendi_score(matrix))
    if len(matrix) > 1:
        assert mean_pairwise_similarity(matrix[order]) == pytest.approx(mean_pairwise_similarity(matrix), abs=1e-9)


@given(MATRICES)
def test_max_similarity_is_the_nearest_of_the_others(matrix: Matrix) -> None:
    expected = None if len(matrix) == 1 else pytest.approx(cosines(matrix)[0, 1:].max(), abs=1e-5)
    assert max_similarity(matrix[0], matrix[1:]) == expected
    assert max_similarity(matrix[0], matrix) == pytest.approx(1.0)


@pytest.mark.parametrize("n", [1, 2, 7, 300])
@pytest.mark.parametrize("d", [3, 256])
def test_identical_rows_count_as_one(n: int, d: int) -> None:
    row = np.random.default_rng(n).normal(size=d).astype(np.float32)
    matrix = np.tile(row, (n, 1))
    assert vendi_score(matrix) == pytest.approx(1.0)
    assert mean_pairwise_similarity(matrix) == (pytest.approx(1.0) if n > 1 else None)


@pytest.mark.parametrize("n", [1, 2, 7, 300])
def test_orthogonal_rows_count_one_by_one(n: int) -> None:
    matrix = np.eye(n, n + 1, dtype=np.float32)
    assert vendi_score(matrix) == pytest.approx(n)
    assert mean_pairwise_similarity(matrix) == (pytest.approx(0.0) if n > 1 else None)


def test_a_thousand_rows_are_measured_in_their_few_dimensions() -> None:
    assert vendi_score(np.tile(np.eye(5, dtype=np.float32), (200, 1))) == pytest.approx(5.0)


def test_rows_of_zeros_are_like_nothing() -> None:
    zeros = np.zeros((3, 4), dtype=np.float32)
    assert vendi_score(zeros) == 1.0
    assert mean_pairwise_similarity(zeros) == 0.0
