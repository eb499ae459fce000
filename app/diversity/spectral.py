"""Diversity of embeddings: cosine similarities and the Vendi score.

A matrix holds one embedding a row, n x d. Its rows are scaled to length 1 here, so that an embedder's rounding does
not show; a row of zeros is like nothing.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Matrix: TypeAlias = NDArray[np.float32]
_Precise: TypeAlias = NDArray[np.float64]


def similarity_and_vendi(matrix: Matrix) -> tuple[float | None, float]:
    """Return the mean cosine over the n(n-1)/2 pairs of rows, in -1..1, None for fewer than two; and the Vendi score.

    That is exp(-Σ λ log λ), λ the eigenvalues of K/n and K the rows' cosine matrix: between 1 and n. It reads as an
    effective number of different rows. After Friedman and Dieng, arXiv 2210.02410.
    """
    rows = _unit_rows(matrix)
    return _mean_similarity(rows), _vendi_score(rows)


def max_similarity(row: NDArray[np.float32], others: Matrix) -> float | None:
    """Return the greatest cosine of `row`, of length d, with a row of `others`; None where there are none."""
    if not len(others):
        return None
    cosines = _unit_rows(others) @ _unit_rows(row[np.newaxis])[0]
    return _bounded(float(cosines.max()), -1.0, 1.0)


def _mean_similarity(rows: _Precise) -> float | None:
    """Compute it in O(n d) from the rows' sum s, as Σ_{i≠j} x_i·x_j = s·s - Σ x_i·x_i."""
    n = len(rows)
    if n < 2:  # noqa: PLR2004 - a pair takes two
        return None
    total = rows.sum(axis=0)
    return _bounded(float(total @ total - np.vdot(rows, rows)) / (n * (n - 1)), -1.0, 1.0)


def _vendi_score(rows: _Precise) -> float:
    """Compute it in O(n d min(n, d)): X Xᵀ and Xᵀ X have the same eigenvalues but for zeros; the smaller is taken."""
    n, d = rows.shape
    shares = np.linalg.eigvalsh(rows @ rows.T if n <= d else rows.T @ rows)
    shares = shares[shares > 0]
    if not len(shares):
        return 1.0
    shares /= shares.sum()
    return _bounded(math.exp(-float(shares @ np.log(shares))), 1.0, float(n))


def _unit_rows(matrix: Matrix) -> _Precise:
    """Return the rows in double precision, each scaled to length 1 unless it is zero."""
    rows = matrix.astype(np.float64)
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    lengths[lengths == 0] = 1.0
    return rows / lengths[:, np.newaxis]


def _bounded(value: float, low: float, high: float) -> float:
    """Return `value` without what rounding carried over its bounds."""
    return min(max(value, low), high)
