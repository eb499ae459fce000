"""The verifier `reward_model`, its worker a server of its own that speaks vLLM's pooling dialect."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.scripted.actions import Garbage, Reset, Silence, Status
from tests.scripted.hosted import hosted
from tests.scripted.reply import Reply
from tests.scripted.scripts import in_turn
from tests.scripted.upstream import Upstream
from tests.stage import Stage, staged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.scripted.actions import Unanswered
    from tests.scripted.connection import Request
    from tests.scripted.hosted import Hosted

USAGE = {"prompt_tokens": 30, "total_tokens": 30, "completion_tokens": 0}
TEXTS = ("The answer is 41.", "The answer is 42.", "The answer is 43.")
SCRIPT = in_turn(*(Reply(texts=(text,)) for text in TEXTS))


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Stage, Hosted]]:
    timeouts = {"connect_s": 2.0, "idle_s": 0.5, "probe_s": 0.5}
    with (
        hosted(Upstream(models=("rm",))) as reward,
        staged(workers_beside=[reward.url], timeouts=timeouts) as stage,
    ):
        yield stage, reward


@pytest.fixture
def stage(served: tuple[Stage, Hosted]) -> Stage:
    served[0].play(SCRIPT)
    return served[0]


@pytest.fixture
def reward(served: tuple[Stage, Hosted]) -> Hosted:
    served[1].upstream.routes.clear()
    served[1].upstream.asked.clear()
    return served[1]


def answered(row: dict[str, object]) -> Status:
    body = {"id": "x", "object": "list", "created": 1, "model": "rm", "data": [{"index": 0, **row}], "usage": USAGE}
    return Status(status=200, body=json.dumps(body).encode())


def spec(**parameters: object) -> dict[str, object]:
    verifier = {"type": "reward_model", "model": "rm", **parameters}
    return {"type": "parallel", "n": 3, "stop": "none", "verifiers": [verifier], "aggregator": "best_of"}


def rows(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [row["verdict"] for row in body["quorum"]["candidates"]]


def text_of(request: Request) -> str:
    body = json.loads(request.body)
    return body["text_2"] if "text_2" in body else body["messages"][-1]["content"]


def test_the_best_by_its_score_is_chosen_and_no_bar_means_no_verdict(stage: Stage, reward: Hosted) -> None:
    def judge(request: Request) -> Unanswered:
        return answered({"label": None, "probs": [0.9 if "42" in text_of(request) else 0.2], "num_classes": 1})

    reward.upstream.routes["/classify"] = judge
    body = stage.answer(spec())
    assert body["choices"][0]["message"]["content"] == TEXTS[1]
    assert [(row["status"], row["score"]) for row in rows(body)] == [
        ("abstain", 0.2),
        ("abstain", 0.9),
        ("abstain", 0.2),
    ]
    assert body["quorum"]["decision"]["fallback"] is None


def test_the_conversation_is_sent_with_the_reply_as_the_assistants_turn(stage: Stage, reward: Hosted) -> None:
    reward.upstream.routes["/classify"] = answered({"probs": [0.5]})
    stage.answer({**spec(), "n": 1})
    (request,) = reward.upstream.asked
    assert json.loads(request.body) == {
        "model": "rm",
        "messages": [{"role": "user", "content": "What is 6 x 7?"}, {"role": "assistant", "content": TEXTS[0]}],
    }


def test_its_tokens_are_booked_beside_the_candidates(stage: Stage, reward: Hosted) -> None:
    reward.upstream.routes["/classify"] = answered({"probs": [0.5]})
    account = stage.answer(spec())["quorum"]
    drawn = sum(row["prompt_tokens"] for row in account["candidates"])
    assert account["cost"]["tokens"]["prompt"] - drawn == 3 * USAGE["prompt_tokens"]
    assert account["cost"]["tokens"]["by_fate"]["verifier"] == 0
    assert account["cost"]["calls"] == 6


@pytest.mark.parametrize(
    ("path", "row", "parameters", "score"),
    [
        ("/classify", {"probs": [0.1, 0.7, 0.2]}, {"label": 1}, 0.7),
        ("/classify", {"probs": [1]}, {}, 1.0),
        ("/pooling", {"data": [0.25]}, {"api": "pooling"}, 0.25),
        ("/pooling", {"data": 0.25}, {"api": "pooling"}, 0.25),
        ("/pooling", {"data": [0.9, 0.5, 0.125]}, {"api": "pooling"}, 0.125),
        ("/pooling", {"data": [[0.9], [0.5], [0.125]]}, {"api": "pooling"}, 0.125),
        ("/pooling", {"data": [[0.9, 0.1], [0.5, 0.25]]}, {"api": "pooling", "label": 0}, 0.5),
        ("/pooling", {"data": [0.0]}, {"api": "pooling", "activation": "sigmoid"}, 0.5),
        ("/pooling", {"data": [-1e6]}, {"api": "pooling", "activation": "sigmoid"}, 0.0),
        ("/pooling", {"data": [1e6]}, {"api": "pooling", "activation": "sigmoid"}, 1.0),
        ("/score", {"score": 2.0}, {"api": "score", "scale": [-4, 4]}, 0.75),
        ("/score", {"score": 9.0}, {"api": "score", "scale": [-4, 4]}, 1.0),
        ("/score", {"score": -9.0}, {"api": "score"}, 0.0),
    ],
)
def test_every_shape_becomes_a_score(
    stage: Stage, reward: Hosted, path: str, row: dict[str, object], parameters: dict[str, object], score: float
) -> None:
    reward.upstream.routes[path] = answered(row)
    body = stage.answer({**spec(**parameters), "n": 1})
    assert rows(body)[0]["score"] == pytest.approx(score)
    sent = json.loads(reward.upstream.asked[-1].body)
    assert sent.get("use_activation", True) is (parameters.get("activation") != "sigmoid")


def test_a_pair_is_scored_as_the_question_and_the_reply(stage: Stage, reward: Hosted) -> None:
    reward.upstream.routes["/score"] = answered({"score": 0.5})
    stage.answer({**spec(api="score"), "n": 1})
    assert json.loads(reward.upstream.asked[-1].body) == {
        "model": "rm",
        "text_1": "What is 6 x 7?",
        "text_2": TEXTS[0],
    }


def test_a_bar_makes_it_pass_and_fail(stage: Stage, reward: Hosted) -> None:
    def judge(request: Request) -> Unanswered:
        return answered({"probs": [0.5 if "42" in text_of(request) else 0.49]})

    reward.upstream.routes["/classify"] = judge
    body = stage.answer(spec(pass_at=0.5))
    assert [row["status"] for row in rows(body)] == ["fail", "pass", "fail"]
    assert rows(body)[0]["feedback"] == "This was judged to be not good enough."
    assert body["quorum"]["decision"]["accepted"] is True


def test_it_counts_among_others_by_its_score_alone(stage: Stage, reward: Hosted) -> None:
    reward.upstream.routes["/classify"] = answered({"probs": [0.5]})
    own = {"type": "reward_model", "model": "rm"}
    shares = [{"verifier": own, "weight": 3.0}, {"verifier": {"type": "exact", "answer": "42"}, "weight": 1.0}]
    body = stage.answer({**spec(), "verifiers": [{"type": "weighted", "verifiers": shares, "pass_at": 0.6}]})
    assert sorted((row["status"], row["score"]) for row in rows(body)) == [
        ("fail", 0.375),
        ("fail", 0.375),
        ("pass", 0.625),
    ]
    stage.play(SCRIPT)
    body = stage.answer({**spec(), "verifiers": [own, {"type": "exact", "answer": "42"}]})
    assert sorted((row["status"], row["score"]) for row in rows(body)) == [
        ("fail", 0.25),
        ("fail", 0.25),
        ("pass", 0.75),
    ]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Status(status=404, message="Not Found"), "the worker answered with status 404: Not Found"),
        (Status(status=500), "status 500"),
        (Status(status=200, body=b"<html>"), "is no score"),
        (Status(status=200, body=b"[" * 100_000), "is no score"),
        (Status(status=200, body=b'{"data": []}'), "is no score"),
        (Status(status=200, body=b'{"data": [{"probs": [0.1]}, {"probs": [0.2]}]}'), "is no score"),
        (Status(status=200, body=b'{"data": [{"probs": [NaN]}]}'), "is no score"),
        (Status(status=200, body=b'{"data": [{"probs": [1e999]}]}'), "is no score"),
        (Status(status=200, body=b'{"data": [{"probs": [null]}]}'), "is no score"),
        (Status(status=200, body=b'{"data": [{"probs": [true]}]}'), "is no score"),
        (answered({"score": 0.5}), "is no score"),
        (answered({"data": "AAAA"}), "is no score"),
        (answered({"probs": []}), "no value at all"),
        (answered({"probs": [0.2, 0.8]}), "gives 2 values"),
        (Garbage(raw=True), "not HTTP"),
        (Silence(), "idle time-out"),
        (Reset(), "broke off"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_whatever_is_no_score_is_an_error_and_never_one(
    stage: Stage, reward: Hosted, answer: Unanswered, said: str
) -> None:
    reward.upstream.routes["/classify"] = lambda _request: answer
    body = stage.answer({**spec(), "n": 1})
    verdict = rows(body)[0]
    assert (verdict["status"], verdict["score"]) == ("error", None)
    assert said in verdict["feedback"]
    assert "html" not in verdict["feedback"]
    assert body["quorum"]["decision"]["accepted"] is False


def test_a_model_that_nobody_serves_is_said_before_anything_is_drawn(stage: Stage) -> None:
    response = stage.ask(spec(model="nobody"))
    assert response.status_code == 404
    error = response.json()["error"]
    assert (error["code"], error["param"]) == ("model_not_found", "strategy.verifiers.0.model")
    nested = {
        "type": "any_of",
        "verifiers": [{"type": "exact", "answer": "1"}, {"type": "reward_model", "model": "no"}],
    }
    error = stage.ask({**spec(), "verifiers": [nested]}).json()["error"]
    assert error["param"] == "strategy.verifiers.0.verifiers.1.model"
    assert not stage.seen


@pytest.mark.parametrize(
    ("parameters", "param"),
    [
        ({"api": "rerank"}, "api"),
        ({"scale": [1, 1]}, ""),
        ({"label": -1}, "label"),
        ({"pass_at": 1.5}, "pass_at"),
    ],
)
def test_its_parameters_are_checked(stage: Stage, parameters: dict[str, object], param: str) -> None:
    response = stage.ask(spec(**parameters))
    assert response.status_code == 400
    assert response.json()["error"]["param"] == f"strategy.verifiers.0.{param}".rstrip(".")
