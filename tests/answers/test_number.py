from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Key = Callable[..., str | None]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("She has 3 apples, buys 4, so 7.", "7"),
        ("It costs $1,234.50.", "2469/2"),
        ("The temperature is \u22127 degrees.", "-7"),
        ("So 5-3 = 2 apples are left.", "2"),
        ("Subtract: 10-4", "4"),
        ("Use 1/2 cup of it.", "1/2"),
        ("It takes 3 1/2 hours.", "7/2"),
        ("About 5%", "1/20"),
        ("Around 50 percent of them", "1/2"),
        ("They are 3 million.", "3000000"),
        ("The charge is 1.6e-19 C", "1/6250000000000000000"),
        (r"It is \frac{3}{4} of that", "3/4"),
        ("Energy: 10^{-4} eV", "1/10000"),
        ("The area is A = 12 m^2.", "12"),
        ("Water is H2O and CO2; x_1 and y_{2}.", None),
        ("Water is 5 H2O " + "H2O " * 200, "5"),
        ("#### 42", "42"),
        ("So 6*7.\n#### 42\nThat took 3 steps.", "42"),
        ("#### Step 1\nTwo and 2 make 4", "4"),
        ("The answer is 42. This took 3 steps.", "42"),
        ("**Answer:** $18 (see step 2)", "18"),
        ("Final answer: 3 + 4 = 7 apples", "7"),
        ("The final answer is $\\frac{1}{2}$. I used 3 lemmas.", "1/2"),
        (r"Thus \boxed{204} minutes, by step 3.", "204"),
        (r"\boxed{\text{none}} but 5", "5"),
        ("The answer is clear: we count 8.", "8"),
        ("No digits here.", None),
        ("", None),
        (".", None),
    ],
)
def test_the_announced_or_else_the_last_number_is_the_answer(key: Key, text: str, expected: str | None) -> None:
    assert key("number", text) == expected


def test_digits_that_are_part_of_words_are_given_up_on_in_the_end(key: Key) -> None:
    assert key("number", "5 " + "H2O " * 5_000) is None
