"""The figures of real recordings, where they are at hand: they are no part of the project."""

from __future__ import annotations

import asyncio
import os
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.replay.deck import make_decks
from app.replay.figures import score
from app.replay.naming import read_policies
from app.replay.playing import Plan, play_all
from app.replay.recording import read_recordings
from app.workers.cpus import usable_cpus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.replay.figures import Score
    from app.replay.playing import Means

DATA = Path(os.environ.get("REPLAY_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
POOLS = sorted((DATA / "pools").glob("*.jsonl.gz"))
PLAN = Plan(orders=40, seed=0, processes=usable_cpus())

BASELINE = "SC@64"
MEASURED = {
    "one sample": (55.9, 0.016, 1.00),
    "SC@16": (67.0, 0.250, 1.62),
    "race 2 of 12": (67.5, 0.138, 0.77),
    "first 8 of 16": (68.2, 0.216, 0.94),
    "beta .95, waves of 8 up to 64": (68.8, 0.432, 4.5),
    "64 capped at 20,000, beta .95 or 32": (71.4, 0.644, 0.65),
}
"""Accuracy in %, tokens over the baseline's, and time over the mean sample's, by a simulation that is not ours."""

MEASURED_ORDERS = 100
TIES = {"race 2 of 12": 0.2, "first 8 of 16": 0.5}
"""Points by which those are better for letting ties go to the first that finished, not to the first asked for."""

SPREAD = 0.02
"""Share by which tokens and time differ from orders to orders: three standard errors of the noisiest of six."""


def noise(played: Sequence[Means]) -> float:
    """Return three standard errors, in points, of the difference between two replays in other random orders."""
    variance = sum(one.accuracy * (1 - one.accuracy) for one in played)
    return 300 * sqrt(variance * (1 / PLAN.orders + 1 / MEASURED_ORDERS)) / len(played)


@pytest.fixture(scope="module")
def found() -> dict[str, tuple[Score, float]]:
    """The score of each policy, and the noise of its accuracy."""
    policies = [policy for policy in read_policies(["frontier"], {}) if policy.label in {BASELINE, *MEASURED}]
    decks = asyncio.run(make_decks(read_recordings(POOLS), processes=PLAN.processes))
    played = asyncio.run(play_all(policies, decks, PLAN, lambda: None))
    baseline = [policy.label for policy in policies].index(BASELINE)
    scores = score(policies, decks, played, baseline)
    return {one.policy.label: (one, noise([means[number] for means in played])) for number, one in enumerate(scores)}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(not POOLS, reason=f"no recordings at {DATA}/pools; REPLAY_DATA names the folder that has them")
@pytest.mark.parametrize("label", MEASURED)
def test_a_policy_comes_to_what_was_measured_before(found: dict[str, tuple[Score, float]], label: str) -> None:
    accuracy, tokens, time = MEASURED[label]
    come_to, accuracy_noise = found[label]
    assert 100 * come_to.accuracy.mean == pytest.approx(accuracy, abs=accuracy_noise + TIES.get(label, 0.0))
    assert come_to.relative_tokens == pytest.approx(tokens, abs=SPREAD * tokens + 0.0005)
    assert come_to.relative_time == pytest.approx(time, abs=SPREAD * time + 0.005)
    assert come_to.accuracy.clusters == 60
