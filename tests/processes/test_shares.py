from __future__ import annotations

import re

import pytest

from app.processes.shares import check_shares
from app.settings.reading import ConfigurationError
from app.settings.settings import Settings


@pytest.mark.parametrize(
    ("table", "key", "told"),
    [("admission", "max_in_flight", "admission.max_in_flight: 3"), ("sandbox", "slots", "sandbox.slots: 3")],
)
def test_a_bound_that_not_each_process_can_have_a_part_of_is_refused(table: str, key: str, told: str) -> None:
    settings = Settings.model_validate({table: {key: 3}})
    check_shares(settings, 3)
    with pytest.raises(ConfigurationError, match=re.escape(told)):
        check_shares(settings, 4)


def test_bounds_that_nobody_has_set_are_shared_out_among_any_number() -> None:
    check_shares(Settings(), 64)
