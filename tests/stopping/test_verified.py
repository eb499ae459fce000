from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.candidates import Verdict
from app.stopping.verified import Verified
from tests.stopping.runs import board_of, lost, stopped, vote

if TYPE_CHECKING:
    from app.candidates import Candidate

PASS = Verdict(status="pass", score=1.0)


def test_the_first_pass_ends_the_run() -> None:
    arriving = [
        vote(2, verdict=Verdict(status="abstain")),
        lost(3),
        vote(0, verdict=Verdict(status="fail"), rejection="failed verification"),
        vote(1, 1, verdict=PASS),
        vote(4),
    ]
    assert stopped(board_of(Verified()), arriving) == (4, "verified")


@pytest.mark.parametrize(
    "candidate",
    [
        vote(0),
        vote(0, verdict=Verdict(status="error")),
        vote(0, verdict=PASS, rejection="reached max_completion_tokens_per_candidate"),
        vote(0, None, verdict=PASS),
    ],
)
def test_nothing_else_does(candidate: Candidate) -> None:
    assert stopped(board_of(Verified()), [candidate]) is None


def test_a_pass_is_remembered_until_enough_have_finished() -> None:
    assert stopped(board_of(Verified(), enough=3), [vote(0, verdict=PASS), vote(1), vote(2), vote(3)]) == (
        3,
        "verified",
    )
