"""Diversity of embeddings: cosine similarities and the Vendi score.

A matrix holds one embedding a row, n x d. Its rows are scaled to length 1 here, so that an embedder's rounding does
not show; a row of zeros is like nothing.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Matrix: TypeAlias = NDArray[np.float32]
_Precise: TypeAlias = NDArray[np.float64]


def mean_pairwise_similarity(matrix: Matrix) -> float | None:
    """Return the mean cosine over the n(n-1)/2 pairs of rows, in -1..1; None for fewer than two rows.

    Computed in O(n d) from the rows' sum s, as Σ_{i≠j} x_i·x_j = s·s - Σ x_i·x_i.
    """
    n = len(matrix)
    if n < 2:  # noqa: PLR2004 - a pair takes two
        return None
    rows = _unit_rows(matrix)
    total = rows.sum(axis=0)
    return _bounded(float(total @ total - np.sum(rows * rows)) / (n * (n - 1)), -1.0, 1.0)


def vendi_score(matrix: Matrix) -> float:
    """Return exp(-Σ λ log λ), λ the eigenvalues of K/n and K the rows' cosine matrix: between 1 and n.

    It reads as an effective number of different rows. After Friedman and Dieng, arXiv 2210.02410. X Xᵀ and Xᵀ X
    have the same eigenvalues but for zeros, so the smaller one is taken: O(n d min(n, d)).
    """
    n, d = matrix.shape
    rows = _unit_rows(matrix)
    shares = np.linalg.eigvalsh(rows @ rows.T if n <= d else rows.T @ rows)
    shares = shares[shares > 0]
    if not len(shares):
        return 1.0
    shares /= shares.sum()
    return _bounded(float(np.exp(-np.sum(shares * np.log(shares)))), 1.0, float(n))


def max_similarity(row: NDArray[np.float32], others: Matrix) -> float | None:
    """Return the greatest cosine of `row`, of length d, with a row of `others`; None where there are none."""
    if not len(others):
        return None
    cosines = _unit_rows(others) @ _unit_rows(row[np.newaxis])[0]
    return _bounded(float(cosines.max()), -1.0, 1.0)


def _unit_rows(matrix: Matrix) -> _Precise:
    """Return the rows in double precision, each scaled to length 1 unless it is zero."""
    rows = matrix.astype(np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1.0)


def _bounded(value: float, low: float, high: float) -> float:
    """Return `value` without what rounding carried over its bounds."""
    return min(max(value, low), high)
