from __future__ import annotations

import msgspec

from app.api.catalogue import listing
from app.api.selection import Selector


def test_the_listing_spells_presets_and_the_default_out() -> None:
    told = msgspec.json.decode(listing(Selector(default="parallel-2", presets={"again": "reject-3"})))
    assert (told["default"]["type"], told["default"]["n"]) == ("parallel", 2)
    assert told["presets"]["again"]["max_attempts"] == 3
    assert {part["type"] for part in told["strategies"]} >= {"single", "parallel"}
