"""Siblings of one request share one prefill, as they go to one replica."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.bench.prefill import WANTED, fan_out
from tests.vllm.fleet import MODEL

if TYPE_CHECKING:
    from tests.vllm.fleet import Fleet

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(600)]


def test_sixteen_siblings_compute_one_prompt_and_a_block_each_on_one_worker(calm_fleet: Fleet) -> None:
    found = fan_out(calm_fleet.url, calm_fleet.servers, MODEL)
    assert 1_400 < found.prompt < 1_600
    assert min(found.computed) == 0
    assert found.ratio <= WANTED
