from __future__ import annotations

from fractions import Fraction
from math import comb, exp, isclose, log

from hypothesis import given
from hypothesis import strategies as st

from app.stopping.incomplete_beta import below_half, log_evidence

NUMBERS = st.integers(1, 400)
REALS = st.floats(0.01, 900)


def exact(a: int, b: int) -> Fraction:
    """Return I(1/2; a, b) by its closed form for integers: P(Bin(a + b - 1, 1/2) >= a)."""
    tosses = a + b - 1
    return Fraction(sum(comb(tosses, heads) for heads in range(a, tosses + 1)), 2**tosses)


def integral(a: int, b: int) -> Fraction:
    """Return the integral of t^a (1-t)^b from 1/2 to 1, exactly: by (1-t)^b's binomial expansion."""
    terms = (Fraction((-1) ** k * comb(b, k), a + k + 1) * (1 - Fraction(1, 2 ** (a + k + 1))) for k in range(b + 1))
    return sum(terms, Fraction(0))


@given(NUMBERS, NUMBERS)
def test_of_integers_it_is_the_closed_form(a: int, b: int) -> None:
    assert isclose(below_half(a, b), float(exact(a, b)), rel_tol=1e-9, abs_tol=1e-11)


@given(REALS, REALS)
def test_both_sides_are_the_whole(a: float, b: float) -> None:
    assert isclose(below_half(a, b) + below_half(b, a), 1.0, abs_tol=1e-12)


@given(REALS)
def test_of_equals_it_is_one_half(a: float) -> None:
    assert isclose(below_half(a, a), 0.5, abs_tol=1e-10)


@given(REALS)
def test_of_a_power_it_is_the_power_of_one_half(a: float) -> None:
    assert isclose(below_half(a, 1.0), 0.5**a, rel_tol=1e-9, abs_tol=1e-300)


@given(st.floats(0.01, 400), st.floats(0.01, 400))
def test_it_keeps_its_recurrence(a: float, b: float) -> None:
    """I(x; a, b) = x I(x; a - 1, b) + (1 - x) I(x; a, b - 1), DLMF 8.17.17, at one half."""
    both = below_half(a, b + 1) + below_half(a + 1, b)
    assert isclose(below_half(a + 1, b + 1), both / 2.0, rel_tol=1e-8, abs_tol=1e-10)


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_evidence_is_the_integral_that_it_stands_for(a: int, b: int) -> None:
    value = log_evidence(a, b)
    wanted = 2 ** (a + b + 1) * integral(a, b)
    if a >= b:
        assert isclose(value, log(wanted), rel_tol=1e-9, abs_tol=1e-9)
    else:
        assert isclose(exp(value), float(wanted), abs_tol=1e-6)


@given(st.integers(0, 500), st.integers(0, 500))
def test_evidence_never_grows_on_average_where_both_are_as_likely(a: int, b: int) -> None:
    """The mean of what a vote for either makes of it is what it was, as a supermartingale's is at most."""
    now, won, against = log_evidence(a, b), log_evidence(a + 1, b), log_evidence(a, b + 1)
    if a >= b:
        assert isclose((exp(won - now) + exp(against - now)) / 2, 1.0, rel_tol=1e-6)


@given(st.integers(0, 300), st.integers(0, 300))
def test_a_rivals_vote_never_adds_evidence(a: int, b: int) -> None:
    if a > b:
        assert log_evidence(a, b + 1) <= log_evidence(a, b) + 1e-9
