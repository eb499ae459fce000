"""Student's t distribution."""

from __future__ import annotations

from math import pi, sqrt, tan

import pytest

from app.replay.student import central_quantile


@pytest.mark.parametrize(
    ("freedom", "t"),
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (5, 2.571), (29, 2.045), (59, 2.001), (119, 1.980)],
)
def test_it_agrees_with_printed_tables(freedom: int, t: float) -> None:
    assert central_quantile(0.95, freedom) == pytest.approx(t, abs=0.0005)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.9, 0.95, 0.999])
def test_it_agrees_with_the_closed_forms_of_one_and_two_degrees(share: float) -> None:
    assert central_quantile(share, 1) == pytest.approx(tan(pi * share / 2))
    assert central_quantile(share, 2) == pytest.approx(share * sqrt(2 / (1 - share**2)))


def test_it_becomes_normal_with_many_degrees() -> None:
    assert central_quantile(0.95, 100_000) == pytest.approx(1.959964, abs=0.0001)
