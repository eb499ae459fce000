from __future__ import annotations

from app.aggregators.majority import Majority
from app.candidates import Candidate
from app.stopping.base import Progress
from app.stopping.none import NeverStop


def test_even_a_decided_vote_is_drawn_to_its_end() -> None:
    accepted = [Candidate(index=i, finish_reason="stop", cluster=0) for i in range(7)]
    tally = Majority().count(accepted)
    progress = Progress(latest=accepted[-1], accepted=accepted, tally=tally, aggregator=Majority(), waiting=[7])
    assert Majority().settled(accepted, tally, [7])
    assert NeverStop().begin()(progress) is None
