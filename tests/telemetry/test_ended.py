from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.siblings.place import Place, read, replace
from app.telemetry.ended import keep_counts, past_counts
from app.telemetry.summing import summed

if TYPE_CHECKING:
    from pathlib import Path

COUNTED = b"# HELP quorum_requests_total Requests.\n# TYPE quorum_requests_total counter\nquorum_requests_total %d\n"


@pytest.fixture
def places(tmp_path: Path) -> list[Place]:
    return [Place(index=index, count=3, directory=tmp_path) for index in range(3)]


def tell(place: Place, requests: int) -> None:
    replace(place.metrics(place.index), COUNTED % requests)


def total(place: Place) -> bytes:
    """Return the sum as it is told when none of the processes answers."""
    lines = summed([], past_counts(place, range(place.count))).splitlines()
    return next(line for line in lines if line.startswith(b"quorum_requests_total"))


def test_the_sum_is_the_same_before_a_process_has_ended_while_its_counts_are_kept_and_after(
    places: list[Place],
) -> None:
    for place, requests in zip(places, (1, 2, 4), strict=True):
        tell(place, requests)
    for place in places:
        told = read(place.metrics(place.index))
        assert total(place) == b"quorum_requests_total 7.0"
        keep_counts(place)
        after = total(place)
        replace(place.metrics(place.index), told)  # as it was between the two steps of keeping
        assert (total(place), after) == (b"quorum_requests_total 7.0",) * 2
        place.metrics(place.index).unlink()


def test_a_process_in_the_place_of_one_that_has_ended_counts_beside_it(places: list[Place]) -> None:
    tell(places[0], 3)
    keep_counts(places[0])
    tell(places[0], 2)
    assert total(places[1]) == b"quorum_requests_total 5.0"
    keep_counts(places[0])
    assert total(places[1]) == b"quorum_requests_total 5.0"


def test_of_a_process_that_has_told_nothing_nothing_is_kept(places: list[Place]) -> None:
    keep_counts(places[0])
    assert past_counts(places[1], range(3)) == [b"", b"", b"", b""]
