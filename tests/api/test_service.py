"""What ends a request is counted in our own words."""

from __future__ import annotations

import asyncio

import pytest

from app.api.disconnect import ClientGoneError
from app.api.service import outcome_of
from app.errors import AllCandidatesFailedError, QuorumError, WorkerRefusedError


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (AllCandidatesFailedError("x"), "all_candidates_failed"),
        (WorkerRefusedError("x", status=400, code="made-up-by-a-worker"), "worker_refused"),
        (WorkerRefusedError("x", status=400, code=None), "worker_refused"),
        (QuorumError("x"), "internal_error"),
        (OSError("x"), "internal_error"),
        (ExceptionGroup("x", [OSError("y")]), "internal_error"),
        (ClientGoneError("x"), "client_gone"),
        (asyncio.CancelledError(), "unavailable"),
    ],
)
def test_outcomes_are_our_own_words(error: BaseException, outcome: str) -> None:
    assert outcome_of(error) == outcome
