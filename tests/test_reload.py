from __future__ import annotations

import pytest

from app.reload import differing
from app.settings.settings import Settings


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ({}, []),
        ({"port": 1, "workers": ["http://a:1"]}, ["port", "workers"]),
        ({"limits": {"max_candidates": 3}, "api_keys": ["secret"]}, ["api_keys", "limits.max_candidates"]),
        ({"prices": {"m": {"prompt": 1.0}}}, ["prices"]),
    ],
)
def test_keys_that_differ_are_named_with_their_table(changes: dict[str, object], keys: list[str]) -> None:
    assert list(differing(Settings(), Settings.model_validate(changes))) == keys
