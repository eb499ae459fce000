from __future__ import annotations

import pytest

from app.candidates import Candidate, Failure
from app.errors import (
    AllCandidatesFailedError,
    BudgetTooSmallError,
    DeadlineExceededError,
    NoWorkerError,
    WorkerRefusedError,
)
from app.gathering import BUDGET, DEADLINE
from app.shortfall import shortfall

FINISHED = Candidate(index=9, finish_reason="stop")


def failed(*failures: Failure) -> list[Candidate]:
    return [Candidate(index=index, failure=failure) for index, failure in enumerate(failures)]


def refusal(status: int, message: str = "too long") -> Failure:
    return Failure(message=message, status=status, code="long", param="input_tokens")


def test_a_deadline_says_how_many_were_in_time_and_what_to_raise() -> None:
    error = shortfall([FINISHED], wanted=3, stopped_by=DEADLINE)
    assert isinstance(error, DeadlineExceededError)
    assert error.message.startswith("1 of at least 3 candidates finished in time")
    assert error.param == "strategy.budget.deadline_s"


def test_a_budget_that_ran_out_says_so_unless_candidates_failed() -> None:
    assert isinstance(shortfall([FINISHED], wanted=3, stopped_by=BUDGET), BudgetTooSmallError)
    assert not isinstance(shortfall(failed(refusal(500)), wanted=3, stopped_by=BUDGET), BudgetTooSmallError)


@pytest.mark.parametrize("status", [400, 413, 422, 429])
def test_a_request_that_every_worker_refuses_is_refused_like_that(status: int) -> None:
    error = shortfall(failed(refusal(status), refusal(status)), wanted=1, stopped_by=None)
    assert isinstance(error, WorkerRefusedError)
    assert (error.status, error.code, error.param, error.message) == (status, "long", "input_tokens", "too long")


@pytest.mark.parametrize("status", [401, 403, 404, 500, 503, None])
def test_what_is_not_the_clients_fault_is_not_told_as_if_it_were(status: int | None) -> None:
    error = shortfall(failed(Failure(message="no", status=status)), wanted=1, stopped_by=None)
    assert isinstance(error, AllCandidatesFailedError)


def test_refused_and_broken_candidates_together_are_a_list_of_causes() -> None:
    broken = Failure(message="broke off", status=502)
    error = shortfall([*failed(broken, refusal(400), broken), FINISHED], wanted=2, stopped_by=None)
    assert isinstance(error, AllCandidatesFailedError)
    assert error.message == "1 of at least 2 candidates finished: 2 x broke off; 1 x too long"


def test_a_list_of_causes_is_bounded() -> None:
    error = shortfall(failed(*(Failure(message=f"cause {i}") for i in range(99))), wanted=1, stopped_by=None)
    assert error.message.count("cause") == 16


def test_without_a_worker_the_client_may_come_back() -> None:
    error = shortfall(failed(Failure(message="none is up", status=503, code="no_worker")), wanted=1, stopped_by=None)
    assert isinstance(error, NoWorkerError)
    assert error.retry_after_s == 5
