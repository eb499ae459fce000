from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.verifiers.tests.printed import normalised, same_text


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("3\n", "3"),
        ("3  \n\n\n", "3\n"),
        ("a\r\nb\r\n", "a\nb"),
        ("1.50 2\n", "1.5 2.0\n"),
        ("  1   2\n", "1 2\n"),
        ("1e3", "1000"),
        ("YES 0.10\nno", "YES 0.1\nno"),
        ("", ""),
        ("\n", ""),
        ("-0", "0"),
    ],
)
def test_outputs_that_say_the_same_are_the_same(printed: str, expected: str) -> None:
    assert same_text(printed, expected)


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("3", "4"),
        ("1 2", "1\n2"),
        ("yes", "YES"),
        ("", "0"),
        ("1 2 3", "1 2"),
        ("0.30000000000000004", "0.3"),
        ("nan", "NaN"),
        ("1e99999999999", "1e99999999998"),
        ("a", "a\nb"),
    ],
)
def test_outputs_that_say_something_else_are_not(printed: str, expected: str) -> None:
    assert not same_text(printed, expected)


@given(st.text())
def test_an_output_is_the_same_as_itself_and_as_it_is_normalised(text: str) -> None:
    assert same_text(text, text)
    assert same_text(normalised(text), text)
    assert normalised(normalised(text)) == normalised(text)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**6), max_value=10**6, places=3))
def test_a_number_is_the_same_however_many_noughts_it_ends_in(number: object) -> None:
    assert same_text(f"x {number}000", f"x {number}")
