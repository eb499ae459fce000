from __future__ import annotations

from dataclasses import dataclass

from app.admission.whole import Whole


@dataclass
class Part:
    held: int
    capacity: int


def test_a_limit_bounds_all_models_together_but_for_one_that_is_alone() -> None:
    whole = Whole(10)
    a, b = Part(6, 100), Part(0, 100)
    assert whole.fits(4, b, [a, b])
    assert not whole.fits(5, b, [a, b])
    assert whole.fits(64, b, [Part(0, 100), b])


def test_models_of_one_worker_share_its_units() -> None:
    whole = Whole(None)
    whole.capacity = 8
    a, b = Part(6, 8), Part(0, 8)
    assert whole.fits(2, b, [a, b])
    assert not whole.fits(3, b, [a, b])


def test_one_that_is_wider_than_its_model_takes_nothing_from_the_others() -> None:
    whole = Whole(None)
    whole.capacity = 16
    a, b = Part(64, 8), Part(0, 8)
    assert whole.fits(8, b, [a, b])
    assert whole.fits(64, b, [a, b])


def test_one_model_needs_no_bound_beside_its_own() -> None:
    only = Part(3, 8)
    assert Whole(None).fits(1, only, [only])
