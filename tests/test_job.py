from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.job import Job
from app.sampling import Sampling
from app.strategies.parallel import Parallel

if TYPE_CHECKING:
    from app.candidates import Message


def job(sampling: Sampling | None = None, **fields: object) -> Job:
    messages: list[Message] = [{"role": "user", "content": "1+1?"}]
    strategy = Parallel(n=2, sampling=sampling or Sampling())
    return Job(
        run_id="run_1",
        model="m",
        messages=messages,
        strategy=strategy,
        selected_by="body",
        arrived=0.0,
        deadline_s=1.0,
        fields=fields,
    )


@pytest.mark.parametrize(
    ("shape", "wants_json"),
    [
        ({"type": "json_object"}, True),
        ({"type": "json_schema", "json_schema": {}}, True),
        ({"type": "text"}, False),
        ("json_object", False),
        (None, False),
    ],
)
def test_the_question_wants_json_where_the_response_format_says_so(*, shape: object, wants_json: bool) -> None:
    question = job(response_format=shape).question
    assert question.wants_json == wants_json
    assert question.text == "1+1?"


def test_the_length_of_a_candidate_is_the_strategys_before_the_requests() -> None:
    assert job(Sampling(max_tokens=5), max_tokens=7).max_tokens == 5
    assert job(max_tokens=7).max_tokens == 7
    assert job(max_completion_tokens=6, max_tokens=7).max_tokens == 6
    assert job().max_tokens is None


def test_the_seed_is_the_requests_own() -> None:
    assert job(seed=3).seed == 3
    assert job().seed is None
