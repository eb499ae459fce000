"""The figures of real recordings, where they are at hand: they are no part of the project."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from app.replay.deck import make_decks
from app.replay.figures import score
from app.replay.naming import read_policies
from app.replay.playing import Plan, play_all
from app.replay.recording import read_recordings
from app.workers.cpus import usable_cpus

DATA = Path(os.environ.get("REPLAY_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
POOLS = sorted((DATA / "pools").glob("*.jsonl.gz"))
VOTE = '{"type": "parallel", "n": 16, "stop": "none"}'
PLAN = Plan(orders=40, seed=0, processes=usable_cpus())


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(not POOLS, reason=f"no recordings at {DATA}/pools; REPLAY_DATA names the folder that has them")
def test_one_sample_and_a_vote_of_sixteen_are_as_accurate_as_was_measured_before() -> None:
    policies = read_policies(["single", f"vote={VOTE}"], {})
    decks = asyncio.run(make_decks(read_recordings(POOLS), processes=PLAN.processes))
    played = asyncio.run(play_all(policies, decks, PLAN, lambda: None))
    one, vote = score(policies, decks, played, 0)
    assert 100 * one.accuracy.mean == pytest.approx(55.9, abs=1.5)
    assert 100 * vote.accuracy.mean == pytest.approx(67.0, abs=1.5)
    assert vote.relative_time == pytest.approx(1.62, abs=0.05)
