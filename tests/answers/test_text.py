from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Key = Callable[..., str | None]


@pytest.mark.parametrize("text", ["Paris", " paris. ", "**Paris**", '"Paris!"', "PARIS\n", "`Paris`"])
def test_case_spacing_and_marks_make_no_difference(key: Key, text: str) -> None:
    assert key("text", text) == "paris"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("New\n  York", "new york"), ("Straße", "strasse"), ("...", "..."), ("", None), (" \n", None)],
)
def test_the_whole_reply_is_the_answer_unless_it_is_blank(key: Key, text: str, expected: str | None) -> None:
    assert key("text", text) == expected
