from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.aggregators.execution import Execution
from app.candidates import Candidate, Verdict
from app.strategies.parallel import Parallel

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random


def program(index: int, *outputs: str, score: float | None = None, cluster: int | None = 0) -> Candidate:
    status = "abstain" if score is None else "pass" if score == 1 else "fail"
    passed = (0, 0) if score is None else (round(score * 4), 4)
    verdict = Verdict(status=status, score=score, outputs=outputs, passed=passed)
    return Candidate(index=index, finish_reason="stop", cluster=cluster, verdict=verdict)


def ids(candidates: Sequence[Candidate]) -> list[str]:
    return [candidate.id for candidate in candidates]


def test_programs_that_behave_alike_vote_together_whatever_they_look_like() -> None:
    pool = [program(0, "1", "2", cluster=0), program(1, "1", "4", cluster=1), program(2, "1", "4", cluster=2)]
    decision = Execution().decide(pool)
    assert decision.winner.id == "c1"
    assert (decision.votes, decision.of, decision.margin, decision.tied) == (2, 3, 1, False)
    assert ids(decision.ranking) == ["c1", "c0", "c2"]


def test_tests_passed_weigh_as_such_and_programs_by_their_square_root() -> None:
    few = [program(0, "a", score=1.0)]
    many = [program(index, "b", score=0.5) for index in (1, 2, 3)]
    assert Execution().decide(few + many).winner.id == "c0"  # 1 x 1 against sqrt(3) x 0.5 = 0.87
    more = [program(index, "b", score=0.5) for index in (1, 2, 3, 4, 5)]
    assert Execution().decide(few + more).winner.id == "c1"  # sqrt(5) x 0.5 = 1.12


def test_what_others_think_of_a_program_does_not_count_as_tests_passed() -> None:
    praised = Verdict(status="pass", score=0.9, outputs=("a",), passed=(1, 2))
    panned = Verdict(status="fail", score=0.1, outputs=("b",), passed=(2, 2))
    pool = [Candidate(index=0, verdict=praised), Candidate(index=1, verdict=panned)]
    assert Execution().decide(pool).winner.id == "c1"


def test_equal_merit_is_a_tie_that_the_program_asked_for_first_wins() -> None:
    decision = Execution().decide([program(1, "b", score=0.5), program(0, "a", score=0.5)])
    assert (decision.winner.id, decision.tied) == ("c0", True)
    assert (
        Execution().decide([program(0, "a", score=0.0), program(1, "b", score=0.0), program(2, "b", score=0.0)]).votes
        == 2
    )


def test_where_no_output_is_known_to_be_right_programs_that_come_to_one_are_better() -> None:
    broken = [program(index, "!NameError", "!NameError") for index in (0, 1, 2)]
    half = [program(3, "=7", "!ValueError"), program(4, "=7", "!ValueError")]
    assert Execution().decide([*broken, *half, program(5, "=7", "=9")]).winner.id == "c5"
    assert Execution().decide([*half, program(5, "=7", "=!timeout")]).winner.id == "c5"
    assert Execution().decide(broken).winner.id == "c0"


def test_programs_that_were_never_run_stand_last_and_do_not_vote() -> None:
    never = [Candidate(index=0, finish_reason="stop"), Candidate(index=1, verdict=Verdict(status="error"))]
    decision = Execution().decide([*never, program(2, "1", score=0.0)])
    assert ids(decision.ranking) == ["c2", "c0", "c1"]
    assert (decision.votes, decision.of) == (1, 1)
    alone = Execution().decide(never)
    assert (alone.winner.id, alone.votes, alone.of) == ("c0", 0, 0)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([0.0, 0.5, 1.0])), min_size=1),
    st.randoms(use_true_random=False),
)
def test_the_order_of_arrival_decides_nothing(drawn: list[tuple[str, float]], random: Random) -> None:
    scores: dict[str, float] = {}
    pool = [program(i, out, score=scores.setdefault(out, score)) for i, (out, score) in enumerate(drawn)]
    shuffled = list(pool)
    random.shuffle(shuffled)
    assert ids(Execution().decide(shuffled).ranking) == ids(Execution().decide(pool).ranking)
    assert len(Execution().decide(pool).ranking) == len(pool)


def test_nothing_is_settled_while_a_program_is_to_come() -> None:
    tally = Execution().count([])
    assert Execution().settled([program(0, "a", score=1.0)], tally, [])
    assert not Execution().settled([program(0, "a", score=1.0)], tally, [1])


def test_a_strategy_needs_a_verifier_that_runs_programs() -> None:
    with pytest.raises(ValidationError, match="add a verifier `tests`"):
        Parallel.model_validate({"n": 3, "aggregator": "execution"})
