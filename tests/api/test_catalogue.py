from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from app.api.catalogue import KINDS, example, listing
from app.api.selection import Selector
from app.parts import type_name

if TYPE_CHECKING:
    from app.parts import Part


def test_the_listing_spells_presets_and_the_default_out() -> None:
    told = msgspec.json.decode(listing(Selector(default="parallel-2", presets={"again": "reject-3"})))
    assert (told["default"]["type"], told["default"]["n"]) == ("parallel", 2)
    assert told["presets"]["again"]["max_attempts"] == 3
    assert {part["type"] for part in told["strategies"]} >= {"single", "parallel"}


@pytest.mark.parametrize(("kind", "part"), [(kind, part) for kind in KINDS for part in KINDS[kind]])
def test_the_example_of_every_part_is_a_strategy_that_names_it(kind: str, part: type[Part]) -> None:
    spec = example(kind, part)
    strategy = Selector(default="single", presets={}).read(spec)
    assert f"'type': '{type_name(part)}'" in str(spec)
    assert strategy.draws > 0
