"""Which sample answers a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.replay.recording import Recorded, read_recordings
from app.replay.worker.dealer import Dealer
from tests.replay.recorded import QUESTION, line, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def recordings(tmp_path: Path) -> list[Recorded]:
    other = {**line(("x", 7), name="other"), "problem": "Another?"}
    return read_recordings([write(tmp_path / "r.jsonl", line(*[(str(n), n) for n in range(1, 21)]), other)])


def dealt(dealer: Dealer, times: int) -> list[int]:
    scripts = [dealer.deal(QUESTION) for _ in range(times)]
    return [script.tokens for script in scripts if script]


def test_no_sample_comes_twice_before_all_have_come(recordings: list[Recorded]) -> None:
    drawn = dealt(Dealer(recordings, seed=1), 40)
    assert sorted(drawn[:20]) == sorted(drawn[20:]) == list(range(1, 21))
    assert drawn[:20] != drawn[20:]


def test_the_order_is_the_seeds_and_no_other_problem_changes_it(recordings: list[Recorded]) -> None:
    first, second, other = Dealer(recordings, seed=1), Dealer(recordings, seed=1), Dealer(recordings, seed=2)
    second.deal("Another?")
    drawn = dealt(first, 20)
    assert drawn == dealt(second, 20)
    assert drawn != dealt(other, 20)


def test_a_problem_is_found_by_its_text_and_by_its_id(recordings: list[Recorded]) -> None:
    dealer = Dealer(recordings, seed=1)
    found = [dealer.deal(question) for question in ("Another?", " Another?\n", "other")]
    assert [script and script.sample.given for script in found] == ["x", "x", "x"]
    assert dealer.deal("What else?") is None
