from __future__ import annotations

from typing import TYPE_CHECKING, cast

import msgspec
import pytest
from msgspec.structs import replace

from app.api.render import candidate_row, completion, dry_run, message, number, progress
from app.candidates import Answer, Candidate, Decision, Failure, Fate, Reply, ToolCall, Usage, Verdict
from app.diversity.measure import Diversity
from app.estimate import WorstCase
from app.job import Job
from app.ledger import account
from app.outcome import Outcome, Timing
from app.price import Price
from app.strategies.parallel import Parallel

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    Json = dict[str, object]
    Included = tuple[Literal["candidates", "texts"], ...]

USAGE = Usage(prompt=10, cached=4, completion=20)
WINNER = Candidate(
    index=0,
    worker="w1",
    reply=Reply(text="It is \\boxed{42}.", thinking="Hm."),
    finish_reason="stop",
    usage=USAGE,
    latency_ms=12.345,
    answer=Answer(kind="math", text="42", key="42"),
    cluster=0,
    verdict=Verdict(status="pass", score=1.0),
    fate=Fate.SELECTED,
    logprobs=(b'{"token": "It", "logprob": -0.1}',),
)
COUNTED = replace(WINNER, index=1, chain=1, fate=Fate.COUNTED, similarity_to_previous=0.123456, logprobs=())
FAILED = Candidate(index=2, chain=2, worker="w1", failure=Failure(message="broke off"), fate=Fate.FAILED)
CANDIDATES = (WINNER, COUNTED, FAILED)


def outcome_of(
    candidates: Sequence[Candidate] = CANDIDATES, *, answers: int = 1, include: Included = ("candidates",)
) -> Outcome:
    finished = tuple(candidate for candidate in candidates if candidate.finished)
    job = Job(
        run_id="run_abc",
        model="m",
        messages=[],
        strategy=Parallel(n=3, include=include),
        selected_by="header",
        arrived=0.0,
        deadline_s=9.0,
        answers=answers,
    )
    return Outcome(
        job=job,
        created=1_700_000_000,
        candidates=candidates,
        decision=Decision(aggregator="majority", ranking=finished, votes=2.0, of=3.0, margin=2.0, tied=False),
        accepted=True,
        fallback=None,
        stopped_by="decided",
        diversity=Diversity(
            distinct_answers=1,
            answer_entropy=0.0,
            mean_pairwise_similarity=None,
            vendi_score=1.23456789,
            distinct_2=0.5,
            mean_copy_ratio=0.0,
        ),
        cost=account(
            candidates, undrawn=1, calls=3, model=job.model, prices={job.model: Price(completion=1.0)}, busy_s=1.0
        ),
        timing=Timing(total_ms=100.0, queue_ms=0.5, first_candidate_ms=None, gateway_ms=3.14159),
    )


def rendered(outcome: Outcome) -> Json:
    """Return the response as a client reads it."""
    return msgspec.json.decode(msgspec.json.encode(completion(outcome)), type=dict[str, object])


def at(body: object, *path: str | int) -> object:
    for step in path:
        body = cast("dict[str | int, object]", body)[step]
    return body


def test_the_response_is_openais() -> None:
    body = rendered(outcome_of())
    assert (body["id"], body["object"], body["model"]) == ("chatcmpl-abc", "chat.completion", "m")
    assert body["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "It is \\boxed{42}.", "reasoning": "Hm."},
            "logprobs": {"content": [{"token": "It", "logprob": -0.1}]},
            "finish_reason": "stop",
        }
    ]


def test_usage_is_the_sum_over_all_candidates() -> None:
    assert rendered(outcome_of())["usage"] == {
        "prompt_tokens": 20,
        "completion_tokens": 40,
        "total_tokens": 60,
        "prompt_tokens_details": {"cached_tokens": 8},
    }


def test_several_answers_are_choices_best_first() -> None:
    body = rendered(outcome_of(answers=2))
    assert [at(choice, "index") for choice in cast("list[Json]", body["choices"])] == [0, 1]
    assert at(body, "choices", 1, "logprobs") is None


def test_the_account_says_how_the_answer_was_chosen() -> None:
    account_ = cast("Json", rendered(outcome_of())["quorum"])
    assert account_["decision"] == {
        "aggregator": "majority",
        "winner": "c0",
        "votes": 2,
        "of": 3,
        "agreement": 0.6667,
        "margin": 2,
        "accepted": True,
        "fallback": None,
        "stopped_by": "decided",
        "stop_failure": None,
        "tied": False,
    }
    assert (account_["run_id"], account_["selected_by"]) == ("run_abc", "header")
    assert at(account_, "strategy", "type") == "parallel"
    assert at(account_, "diversity", "vendi_score") == 1.2346
    assert at(account_, "diversity", "mean_pairwise_similarity") is None
    assert at(account_, "timing") == {
        "total_ms": 100.0,
        "queue_ms": 0.5,
        "first_candidate_ms": None,
        "gateway_ms": 3.14,
    }


def test_the_account_books_every_token_under_a_fate() -> None:
    cost = cast("Json", at(rendered(outcome_of()), "quorum", "cost"))
    assert at(cost, "tokens", "by_fate") == {
        "selected": 20,
        "counted": 20,
        "rejected": 0,
        "cancelled": 0,
        "failed": 0,
        "verifier": 0,
    }
    assert (cost["usd"], cost["calls"], cost["saved_completion_tokens_estimate"]) == (0.00004, 3, 20)


def test_each_candidate_is_listed_with_what_became_of_it() -> None:
    rows = cast("list[Json]", at(rendered(outcome_of()), "quorum", "candidates"))
    assert [(row["id"], row["fate"], row["reason"]) for row in rows] == [
        ("c0", "selected", None),
        ("c1", "counted", None),
        ("c2", "failed", "broke off"),
    ]
    assert rows[0]["verdict"] == {"status": "pass", "score": 1.0, "feedback": None, "note": None}
    assert (rows[1]["similarity_to_previous"], rows[2]["answer"], rows[2]["verdict"]) == (0.1235, None, None)
    assert "text" not in rows[0]


def test_texts_are_listed_where_they_are_asked_for_and_nothing_where_nothing_is() -> None:
    row = cast("list[Json]", at(rendered(outcome_of(include=("texts",))), "quorum", "candidates"))[0]
    assert (row["text"], row["thinking"], row["tool_calls"]) == ("It is \\boxed{42}.", "Hm.", [])
    assert "candidates" not in cast("Json", rendered(outcome_of(include=()))["quorum"])


def test_calls_of_tools_come_back_as_openai_writes_them() -> None:
    calls = Candidate(index=0, reply=Reply(tool_calls=(ToolCall(id="1", name="add", arguments="{}"),)))
    assert message(calls) == {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": "add", "arguments": "{}"}}],
    }
    assert candidate_row(calls, texts=True)["tool_calls"] == [{"name": "add", "arguments": "{}"}]


def test_an_empty_reply_is_an_empty_text() -> None:
    assert message(Candidate(index=0)) == {"role": "assistant", "content": ""}


@pytest.mark.parametrize(
    ("candidate", "state"),
    [(WINNER, "finished"), (FAILED, "failed"), (replace(WINNER, rejection="duplicate answer"), "rejected")],
)
def test_progress_tells_how_a_candidate_came_back(candidate: Candidate, state: str) -> None:
    told = progress(candidate, back=2, draws=8)
    assert (told["candidate"], told["state"], told["back"], told["of_at_most"]) == (candidate.id, state, 2, 8)


def test_a_dry_run_tells_the_strategy_in_full_and_its_worst_case() -> None:
    worst = WorstCase(calls=3, completion_tokens=300, prompt_tokens=None, usd=0.5)
    body = dry_run(outcome_of().job, worst)
    assert body["strategy"] == Parallel(n=3).spec
    assert body["worst_case"] == {
        "calls": 3,
        "prompt_tokens": None,
        "completion_tokens": 300,
        "cost_usd": 0.5,
        "deadline_s": 9.0,
    }


def test_whole_votes_are_whole_numbers() -> None:
    assert [repr(number(value)) for value in (2.0, 0.5, 1 / 3)] == ["2", "0.5", "0.333333"]
