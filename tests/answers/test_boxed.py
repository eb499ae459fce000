from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Key = Callable[..., str | None]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"Thus, the walk takes \(\boxed{204}\).", "204"),
        (r"First \boxed{1}, no: \boxed{2}.", "2"),
        (r"\[ \boxed{\dfrac{400}{3}} \]", "400/3"),
        (r"\boxed{\frac{\sqrt{3}}{2}}", r"\frac{\sqrt{3}}{2}"),
        (r"\fbox{7}", "7"),
        (r"\boxed {7}", "7"),
        (r"\boxed{\boxed{5}}", "5"),
        (r"$\boxed{\text{Yes}}$", "yes"),
        (r"\boxed{10\text{ cm}}", "10"),
        (r"\boxed{x = 5}", "5"),
        (r"\boxed{\{1, 2\}}", r"\{1,2\}"),
        (r"Good: \boxed{3}. Cut off: \boxed{4", "3"),
        (r"\boxed{", None),
        (r"\boxed{ }", None),
        ("} } no box at all {", None),
        ("", None),
    ],
)
def test_the_content_of_the_last_closed_box_is_the_answer(key: Key, text: str, expected: str | None) -> None:
    assert key("boxed", text) == expected


@pytest.mark.parametrize(
    "written",
    [
        "0.5", ".5", "0.50", "1/2", r"\frac{1}{2}", r"\dfrac12", r"\tfrac{1}{2}", "$1/2$", r"\(\frac{1}2\)", "½",
        "50\\%",        "50%",
        "5e-1", r"5 \times 10^{-1}", "+0.5", r"\text{0.5}", "2/4", "x = 0.5", "0.5.",
    ],
)  # fmt: skip
def test_one_half_has_one_key_however_it_is_written(key: Key, written: str) -> None:
    assert key("boxed", rf"\boxed{{{written}}}") == "1/2"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("1,000", "1000"),
        (r"1{,}000", "1000"),
        (r"10\,000", "10000"),
        ("1 000 000", "1000000"),
        (r"\$1,234.50", "2469/2"),
        ("\u22123", "-3"),
        (r"-\frac{3}{4}", "-3/4"),
        (r"\frac{-3}{4}", "-3/4"),
        (r"2\frac{1}{2}", "5/2"),
        ("2 1/2", "5/2"),
        ("1.5 \u00d7 10\u207b\u00b3", "3/2000"),
        ("2^{10}", "1024"),
        ("5 million", "5000000"),
        ("204 minutes", "204"),
        ("45^\\circ", "45"),
        ("-0", "0"),
        ("007", "7"),
        ("x + 1", "x+1"),
        (r"\left( 1, 2 \right)", "(1,2)"),
        (r"\sin x", r"\sin x"),
        ("3 or 4", "3 or 4"),
        ("5/0", "5/0"),
        ("0^{-1}", "0^{-1}"),
        ("5 m", "5 m"),
        ("AB", "AB"),
        ("{1}{2}", "{1}{2}"),
        ("{7}", "7"),
        ("9^{9^{9^{9^9}}}", "9^{9^{9^{9^9}}}"),
        ("9^999999", "9^999999"),
        ("1e999999", "1e999999"),
    ],
)
def test_plain_numbers_are_exact_and_the_rest_is_written_plainly(key: Key, written: str, expected: str) -> None:
    assert key("boxed", rf"\boxed{{{written}}}") == expected


def test_a_percent_sign_is_a_unit_where_the_question_speaks_of_percent(key: Key) -> None:
    assert key("boxed", r"\boxed{50\%}", "What percentage is left?") == "50"
    assert key("boxed", r"\boxed{50}", "What percentage is left?") == "50"
    assert key("boxed", r"\boxed{50\%}", "What part is left?") == "1/2"


def test_what_is_too_long_is_compared_as_text(key: Key) -> None:
    digits = "1" * 5_000
    assert key("boxed", rf"\boxed{{{digits}  +  1}}") == f"{digits} + 1"
    assert key("boxed", rf"\boxed{{{digits[:500]}}}") == digits[:500]


def test_of_a_long_reply_the_end_is_looked_at(key: Key) -> None:
    assert key("boxed", r"\boxed{1}" + " x" * 10_000) == "1"
    assert key("boxed", r"\boxed{1}" + " x" * 20_000) is None
    assert key("boxed", " x" * 500_000 + r"\boxed{1}") == "1"
    assert key("number", "7 apples. The answer is 3." + " x" * 20_000) == "3"
