"""Siblings of one request share one prefill, as they go to one replica."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.settings import Settings
from tests.bench.prefill import WANTED, fan_out
from tests.stage import gateway
from tests.vllm.fleet import MODEL

if TYPE_CHECKING:
    from tests.vllm.fleet import Fleet

NO_HEDGES = {"share": 0.0, "burst": 0.0}
"""A machine that stands still for a while makes a prefill late, and its hedge elsewhere would be a prefill more."""

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(600)]


def test_sixteen_siblings_compute_one_prompt_and_a_block_each_on_one_worker(fleet: Fleet) -> None:
    settings = Settings.model_validate({"workers": [server.url for server in fleet.servers], "hedges": NO_HEDGES})
    with gateway(settings) as url:
        found = fan_out(url, fleet.servers, MODEL)
    assert 1_400 < found.prompt < 1_600
    assert min(found.computed) == 0
    assert found.ratio <= WANTED
