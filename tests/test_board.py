from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from app.aggregators.first_accepted import FirstAccepted
from app.aggregators.majority import Majority
from app.board import Board
from app.candidates import Ask, Candidate, Failure
from app.job import Job
from app.stopping.any_of import AnyOf
from app.stopping.base import StopRule
from app.stopping.none import NeverStop
from app.stopping.race import Race
from app.strategies.parallel import Parallel
from app.strategies.reject import Reject

if TYPE_CHECKING:
    from app.stopping.base import Judge, Progress
    from app.strategies.base import Strategy

GONE = Failure(message="gone")


def board_of(strategy: Strategy, *, asked: int | None = None, answers: int = 1) -> Board:
    job = Job(
        run_id="run_1",
        model="m",
        messages=[],
        strategy=strategy,
        selected_by="body",
        arrived=0.0,
        deadline_s=1.0,
        answers=answers,
    )
    return Board(job, [Ask(chain=chain) for chain in range(strategy.draws if asked is None else asked)])


def vote(index: int, cluster: int = 0, rejection: str | None = None) -> Candidate:
    return Candidate(index=index, finish_reason="stop", cluster=cluster, rejection=rejection)


@given(st.permutations(range(6)))
def test_candidates_stand_in_the_order_of_asking_whenever_they_arrive(order: list[int]) -> None:
    board = board_of(Parallel(n=6))
    for index in order:
        board.add(vote(index))
    assert [one.index for one in board.back] == [0, 1, 2, 3, 4, 5]
    assert board.history.done == board.back
    assert board.history.waiting == 0


def test_a_vote_that_is_decided_may_stop() -> None:
    board = board_of(Parallel(n=4))
    board.add(vote(1))
    board.add(vote(2))
    assert board.stopped_by is None
    board.add(vote(3))
    assert board.stopped_by == "decided"


def test_what_was_not_asked_for_yet_may_still_come() -> None:
    board = board_of(Parallel(n=8, wave=2), asked=2)
    board.add(vote(0))
    board.add(vote(1))
    assert board.stopped_by is None
    assert (board.draws, board.undrawn) == (8, 6)


def test_a_run_does_not_stop_before_as_many_have_finished_as_are_wanted() -> None:
    board = board_of(Parallel(n=4, min_candidates=4))
    for index in (0, 1, 2):
        board.add(vote(index))
    assert board.stopped_by is None
    assert not board.pool


def test_several_answers_are_drawn_to_the_end() -> None:
    board = board_of(Parallel(n=4), answers=2)
    for index in (0, 1, 2):
        board.add(vote(index))
    assert board.stopped_by is None


def test_a_run_that_is_complete_was_not_stopped_early() -> None:
    board = board_of(Parallel(n=2))
    board.add(vote(0))
    board.add(vote(1))
    assert board.stopped_by is None


def test_a_rule_that_never_stops_never_does() -> None:
    board = board_of(Parallel(n=8, stop=NeverStop()))
    for index in range(7):
        board.add(vote(index))
    assert board.stopped_by is None


def test_only_accepted_candidates_decide_if_there_are_any() -> None:
    board = board_of(Parallel(n=4))
    for candidate in (vote(0, 0, "wrong"), vote(1, 0, "wrong"), vote(2, 1), Candidate(index=3, failure=GONE)):
        board.add(candidate)
    decision = Majority().decide(board.pool)
    assert (decision.winner.id, decision.of) == ("c2", 1)


def test_where_none_is_accepted_all_that_finished_decide() -> None:
    board = board_of(Reject(max_attempts=3))
    for candidate in (Candidate(index=0, failure=GONE), vote(1, 0, "wrong"), vote(2, 1, "wrong")):
        board.add(candidate)
    decision = FirstAccepted().decide(board.pool)
    assert [one.id for one in decision.ranking] == ["c1", "c2"]
    assert [one.id for one in board.finished] == ["c1", "c2"]


def test_nothing_that_finished_is_no_decision() -> None:
    board = board_of(Parallel(n=1))
    board.add(Candidate(index=0, failure=GONE))
    assert not board.pool


class Broken(StopRule):
    """A rule that can't."""

    type: Literal["broken"] = "broken"

    def satisfied(self, progress: Progress) -> bool:
        raise ValueError(f"no idea after {progress.latest.id}")


def test_a_stop_rule_that_breaks_stops_nothing_and_says_so_of_its_first_failure() -> None:
    board = board_of(Parallel(n=4).model_copy(update={"stop": Broken()}))
    for index in range(3):
        board.add(vote(index))
    assert board.stopped_by is None
    assert board.stop_failure == "ValueError: no idea after c0"


class Unready(StopRule):
    """A rule that can't even begin."""

    type: Literal["unready"] = "unready"

    def begin(self) -> Judge:
        raise ValueError("no idea")


def test_a_stop_rule_that_breaks_at_the_beginning_stops_nothing_either() -> None:
    board = board_of(Parallel(n=4).model_copy(update={"stop": Unready()}))
    for index in range(3):
        board.add(vote(index))
    assert board.stopped_by is None
    assert board.stop_failure == "ValueError: no idea"


def test_where_a_rule_of_several_breaks_the_others_go_on() -> None:
    rules = (Broken(), Race(votes=3), Unready())
    with capture_logs() as logs:
        board = board_of(Parallel(n=8).model_copy(update={"stop": AnyOf.model_construct(rules=rules)}))
        for index in range(3):
            board.add(vote(index))
    assert board.stopped_by == "race"
    assert [line["rule"] for line in logs] == ["unready", "broken"]
    assert board.broken_rules == ["broken", "unready"]
    assert board.stop_failure == "broken: ValueError: no idea after c0; unready: ValueError: no idea"
