from __future__ import annotations

import pytest

from app.admission.priority import Priority, priority_of
from app.errors import InvalidRequestError


@pytest.mark.parametrize(
    ("header", "priority"),
    [(None, Priority.NORMAL), ("high", Priority.HIGH), (" Low ", Priority.LOW), ("normal", Priority.NORMAL)],
)
def test_a_priority_is_read_from_its_header(header: str | None, priority: Priority) -> None:
    assert priority_of(header) is priority


@pytest.mark.parametrize("header", ["", "urgent", "0", "high,low"])
def test_any_other_word_is_refused_with_the_valid_ones(header: str) -> None:
    with pytest.raises(InvalidRequestError, match="valid are high, normal, low"):
        priority_of(header)
