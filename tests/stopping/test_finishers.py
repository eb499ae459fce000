from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from app.aggregators.best_of import BestOf
from app.aggregators.majority import Majority
from app.stopping.finishers import Finishers
from tests.stopping.runs import board_of, lost, stopped, vote, votes

if TYPE_CHECKING:
    from app.candidates import Candidate


@given(st.permutations([*votes(0, 1, 2, 3), lost(4), vote(5, rejection="no answer found"), vote(6, None)]))
def test_the_first_so_many_with_an_answer_end_the_run(arriving: list[Candidate]) -> None:
    voters = [place for place, one in enumerate(arriving, 1) if one.index < 4]
    assert stopped(board_of(Finishers(count=3)), arriving) == (voters[2], "finishers")


def test_only_they_vote() -> None:
    board = board_of(Finishers(count=3), 5)
    assert stopped(board, [vote(4, 1), vote(2, 0), vote(3, 1), vote(0, 0), vote(1, 0)]) == (3, "finishers")
    assert Majority().decide(board.pool).winner.cluster == 1


def test_it_needs_no_vote() -> None:
    assert stopped(board_of(Finishers(count=2), aggregator=BestOf()), votes(0, 1, 2)) == (2, "finishers")
