"""Models that judge, pick and write: over HTTP, on the account, and under every fault.

One worker draws candidates of `scripted` and also serves `twin`; another one serves `judge`.
"""

from __future__ import annotations

import itertools
import re
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
import pytest

from tests.conftest import TIMEOUTS
from tests.scripted.actions import Garbage, HalfBody, NoFinish, Silence, Status
from tests.scripted.hosted import hosted
from tests.scripted.received import Ending
from tests.scripted.reply import Reply
from tests.scripted.upstream import Upstream
from tests.stage import MODEL, QUESTION, events, staged

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from tests.scripted.actions import Action
    from tests.scripted.hosted import Hosted
    from tests.scripted.received import Received
    from tests.stage import Stage

PRICES = {name: {"prompt": prompt, "completion": 2 * prompt} for name, prompt in (("scripted", 1), ("judge", 10))}
SLOW = Reply(texts=("word " * 600,), delay_per_chunk_s=0.01)
FOUR = {"type": "parallel", "n": 4, "stop": "none", "include": ["texts"]}
JUDGE = {"type": "judge", "model": "judge"}


class Court:
    """A stage whose judge sits apart."""

    def __init__(self, stage: Stage, judge: Hosted) -> None:
        self.stage = stage
        self.judge = judge

    def play(self, *drawn: str | Action, judge: Action | tuple[Action, ...]) -> None:
        """Let candidates say these in turn, and the judge do this, or these in turn; the last one for ever."""
        candidates = endless([says(one) if isinstance(one, str) else one for one in drawn])
        verdicts = endless(judge if isinstance(judge, tuple) else (judge,))

        def judging(_: Received) -> Action:
            return next(verdicts)

        self.stage.play(lambda received: judging(received) if is_judging(received) else next(candidates))
        self.judge.wait_until(lambda upstream: upstream.in_flight == 0)
        self.judge.upstream.script = judging
        self.judge.upstream.seen.clear()

    @property
    def judged(self) -> list[Received]:
        """What came to the judge, whichever worker it sits at."""
        return [*self.judge.upstream.seen, *(one for one in self.stage.seen if is_judging(one))]

    @property
    def drawn(self) -> list[Received]:
        return [one for one in self.stage.seen if not is_judging(one)]


@pytest.fixture(scope="module")
def running() -> Iterator[Court]:
    with opened() as court:
        yield court


@pytest.fixture
def court(running: Court) -> Court:
    running.play(*["The answer is 42."] * 9, judge=says("Score: 9"))
    return running


@contextmanager
def opened() -> Generator[Court]:
    with (
        hosted(Upstream(models=("judge",))) as judge,
        staged(models=(MODEL, "twin"), workers_beside=[judge.url], timeouts=TIMEOUTS, prices=PRICES) as stage,
    ):
        yield Court(stage, judge)


def endless(actions: Sequence[Action]) -> Iterator[Action]:
    return itertools.chain(actions, itertools.repeat(actions[-1]))


def says(text: str) -> Reply:
    return Reply(texts=(text,))


def is_judging(received: Received) -> bool:
    """Whether a request is no candidate's: it has material between coded tags."""
    return bool(re.search(r"</\w+_[0-9a-f]{8}>", str(received.body["messages"][-1]["content"])))


def fates(body: dict[str, Any]) -> list[str]:
    return [row["fate"] for row in body["quorum"]["candidates"]]


def verdicts(body: dict[str, Any]) -> list[str]:
    return [row["verdict"]["status"] for row in body["quorum"]["candidates"]]


def sent(requests: list[Received]) -> int:
    return sum(request.sent_tokens for request in requests)


@pytest.mark.parametrize("model", ["judge", "twin", None])
def test_judges_stand_on_the_account_with_what_the_worker_sent(court: Court, model: str | None) -> None:
    body = court.stage.answer({**FOUR, "verifiers": [{"type": "judge", "model": model}]})
    tokens = body["quorum"]["cost"]["tokens"]
    assert len(court.judged) == 4
    assert {request.body["model"] for request in court.judged} == {model or MODEL}
    assert tokens["by_fate"]["verifier"] == sent(court.judged) == 4 * 2
    assert body["usage"]["completion_tokens"] == sent(court.judged) + sent(court.drawn)
    prompts = [request.call.prompt_tokens for request in (*court.judged, *court.drawn)]
    assert body["usage"]["prompt_tokens"] == sum(prompts)
    assert body["quorum"]["cost"]["calls"] == 8
    assert verdicts(body) == ["pass"] * 4


def test_each_model_is_paid_by_its_own_price_and_without_one_no_sum_is_claimed(court: Court) -> None:
    body = court.stage.answer({**FOUR, "verifiers": [JUDGE]})
    dollars = sum(
        price * (request.call.prompt_tokens + 2 * request.sent_tokens) / 1_000_000
        for price, requests in ((1, court.drawn), (10, court.judged))
        for request in requests
    )
    assert body["quorum"]["cost"]["usd"] == pytest.approx(dollars)
    body = court.stage.answer({**FOUR, "n": 2, "verifiers": [{"type": "judge", "model": "twin"}]})
    assert body["quorum"]["cost"]["usd"] is None


def test_an_hour_of_the_judge_is_not_paid_as_one_of_the_requests_own_model_too() -> None:
    prices = {MODEL: {"gpu_hour": 3_600}, "judge": {"gpu_hour": 3_600}}
    with (
        hosted(Upstream(models=("judge",))) as judge,
        staged(workers_beside=[judge.url], timeouts=TIMEOUTS, prices=prices) as stage,
    ):
        court = Court(stage, judge)
        court.play("It is 42", judge=Reply(texts=("Score: 9",), delay_per_chunk_s=0.4))
        body = court.stage.answer({**FOUR, "n": 1, "verifiers": [JUDGE]})
        total_s = body["quorum"]["timing"]["total_ms"] / 1_000
        assert 0.4 < body["quorum"]["cost"]["usd"] < total_s
        court.play("It is 42", judge=SLOW)
        body = court.stage.answer({**FOUR, "n": 1, "verifiers": [JUDGE], "budget": {"max_cost_usd": 1.6}})
        assert verdicts(body) == ["error"]
        assert body["quorum"]["timing"]["total_ms"] < 1_200


def test_tokens_of_judges_are_counted_under_their_own_model(court: Court) -> None:
    name = 'quorum_tokens_total{fate="verifier",kind="completion",model="judge"}'

    def value() -> float:
        found = re.search(re.escape(name) + r" (\S+)", court.stage.client.get("/metrics").text)
        return float(found[1]) if found else 0.0

    before = value()
    court.stage.answer({**FOUR, "verifiers": [JUDGE]})
    assert value() - before == sent(court.judged) == 8


def test_a_judge_decides_which_candidates_count(court: Court) -> None:
    by_answer = {"41": says("Wrong.\nScore: 1"), "42": says("Right.\nScore: 10")}
    court.play(*["It is 41", "It is 41", "It is 42", "It is 41"], judge=says("?"))

    def grade(received: Received) -> Action:
        return by_answer["41" if "It is 41" in str(received.body) else "42"]

    court.judge.upstream.script = grade
    body = court.stage.answer({**FOUR, "verifiers": [{**JUDGE, "feedback": True}]})
    assert body["choices"][0]["message"]["content"] == "It is 42"
    assert sorted(fates(body)) == ["rejected", "rejected", "rejected", "selected"]
    assert {row["verdict"]["feedback"] for row in body["quorum"]["candidates"]} == {"Wrong.", "Right."}


def test_a_pairwise_judge_is_asked_twice_a_candidate(court: Court) -> None:
    court.play("It is 42", judge=says("Verdict: A"))
    verifier = {**JUDGE, "mode": "pairwise", "reference": "It is 41"}
    body = court.stage.answer({**FOUR, "n": 1, "verifiers": [verifier]})
    assert body["quorum"]["candidates"][0]["verdict"]["score"] == 0.5
    assert len(court.judged) == 2


def test_a_judge_that_nobody_serves_is_the_requests_mistake(court: Court) -> None:
    response = court.stage.ask({**FOUR, "verifiers": [{"type": "judge", "model": "nobody"}]})
    assert (response.status_code, response.json()["error"]["param"]) == (404, "strategy.verifiers.0.model")
    response = court.stage.ask({**FOUR, "aggregator": {"type": "synthesis", "model": "nobody"}})
    assert (response.status_code, response.json()["error"]["param"]) == (404, "strategy.aggregator.model")
    assert not court.stage.seen


@pytest.mark.parametrize(
    ("parts", "status", "param"),
    [
        ({"verifiers": [{"type": "judge", "model": "nobody"}]}, 404, "strategy.verifiers.0.model"),
        ({"aggregator": {"type": "synthesis", "model": "nobody"}}, 404, "strategy.aggregator.model"),
        ({"verifiers": [{"type": "webhook", "url": "http://1.2.3.4/"}]}, 400, "strategy.verifiers.0.url"),
        ({"verifiers": [{"type": "judge", "model": "twin"}], "budget": {"max_cost_usd": 1}}, 400, None),
        ({"n": 64, "verifiers": [{"type": "all_of", "verifiers": [JUDGE] * 8}] * 4}, 400, "strategy"),
    ],
)
def test_a_dry_run_is_refused_as_the_request_itself_is(
    court: Court, parts: dict[str, object], status: int, param: str | None
) -> None:
    body = {**QUESTION, "strategy": {**FOUR, **parts}}
    real, dry = (court.stage.client.post(f"/v1/chat/completions{query}", json=body) for query in ("", "?dry_run=true"))
    assert dry.json() == real.json()
    assert dry.status_code == real.status_code == status
    assert dry.json()["error"]["param"] == (param or "strategy.budget.max_cost_usd")
    assert not court.stage.seen


FAULTS = [
    Status(status=500),
    Status(status=400, message="too long"),
    Garbage(),
    HalfBody(reply=SLOW, after_chunks=3),
    Silence(),
    NoFinish(),
]


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_a_judge_that_fails_once_is_an_error_and_the_others_decide(court: Court, fault: Action) -> None:
    court.play(*["The answer is 42."] * 4, judge=(fault, says("Score: 9")))
    body = court.stage.answer({**FOUR, "verifiers": [JUDGE]})
    assert sorted(verdicts(body)) == ["error", "pass", "pass", "pass"]
    failed = next(row for row in body["quorum"]["candidates"] if row["verdict"]["status"] == "error")
    assert (failed["fate"], failed["reason"]) == ("rejected", "verifier broke")
    assert "judge could not decide" in failed["verdict"]["feedback"]
    assert body["quorum"]["decision"]["votes"] == 3
    assert body["quorum"]["cost"]["tokens"]["by_fate"]["verifier"] == sent(court.judged)


def test_a_judge_that_says_nothing_readable_abstains_and_the_candidate_counts(court: Court) -> None:
    court.play(*["The answer is 42."] * 4, judge=says("I had rather not say."))
    body = court.stage.answer({**FOUR, "verifiers": [JUDGE]})
    assert verdicts(body) == ["abstain"] * 4
    assert (body["quorum"]["decision"]["votes"], body["quorum"]["decision"]["accepted"]) == (4, True)


def test_without_its_worker_the_judge_is_an_error_and_there_is_an_answer_all_the_same() -> None:
    with opened() as court:
        court.play(*["The answer is 42."] * 4, judge=says("Score: 9"))
        court.judge.stop()
        body = court.stage.answer({**FOUR, "verifiers": [JUDGE]})
        assert body["choices"][0]["message"]["content"] == "The answer is 42."
        assert verdicts(body) == ["error"] * 4
        assert (body["quorum"]["decision"]["accepted"], fates(body).count("rejected")) == (False, 3)
        assert "no candidate was accepted" in body["quorum"]["decision"]["fallback"]
        response = court.stage.ask({**FOUR, "verifiers": [JUDGE]})
        assert (response.status_code, response.json()["error"]["code"]) == (503, "no_worker")
        court.judge.start()


@pytest.mark.parametrize("judge", [Silence(), SLOW], ids=["silent", "slow"])
def test_a_deadline_during_judging_still_gives_an_answer(court: Court, judge: Action) -> None:
    court.play(*["The answer is 42."] * 4, judge=judge)
    body = court.stage.answer({**FOUR, "verifiers": [JUDGE], "budget": {"deadline_s": 0.8}})
    assert body["choices"][0]["message"]["content"] == "The answer is 42."
    assert verdicts(body) == ["error"] * 4
    assert body["quorum"]["timing"]["total_ms"] < 2_000
    court.judge.wait_until(lambda upstream: upstream.in_flight == 0)


def test_a_candidate_of_unknown_length_leaves_its_judge_room(court: Court) -> None:
    court.play("word " * 60, judge=says("Score: 9"))
    verifier = {**JUDGE, "max_tokens": 10}
    body = court.stage.answer({**FOUR, "n": 1, "verifiers": [verifier], "budget": {"max_completion_tokens": 45}})
    assert (verdicts(body), len(court.judged)) == (["pass"], 1)
    assert body["quorum"]["candidates"][0]["completion_tokens"] == 35
    assert body["usage"]["completion_tokens"] <= 45


def test_judges_never_lack_what_was_reserved_for_them(court: Court) -> None:
    verifier = {**JUDGE, "max_tokens": 10}
    budget = {"max_completion_tokens": 45}
    body = court.stage.answer({**FOUR, "verifiers": [verifier], "budget": budget}, max_tokens=5)
    judged = [row["verdict"]["status"] for row in body["quorum"]["candidates"] if row["verdict"]]
    assert set(judged) == {"pass"}
    assert body["usage"]["completion_tokens"] <= 45


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_goes_away_stops_the_judge_on_its_worker(court: Court, *, stream: bool) -> None:
    court.play(*["The answer is 42."] * 4, judge=SLOW)
    leave(court, {**FOUR, "verifiers": [JUDGE]}, stream=stream, calls=4)
    assert {request.ending for request in court.judged} == {Ending.CLIENT_CLOSED}


def test_a_client_that_goes_away_stops_the_writing(court: Court) -> None:
    court.play("It is 41", "It is 42", judge=SLOW)
    leave(court, {**FOUR, "n": 2, "aggregator": {"type": "synthesis", "model": "judge"}}, stream=False, calls=1)
    assert {request.ending for request in court.judged} == {Ending.CLIENT_CLOSED}


def leave(court: Court, strategy: object, *, stream: bool, calls: int) -> None:
    """Send a request and drop the connection once the judge generates."""
    body = msgspec.json.encode({**QUESTION, "strategy": strategy, "stream": stream})
    address = urlsplit(court.stage.url)
    with socket.create_connection((address.hostname, address.port)) as connection:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        court.judge.wait_until(lambda upstream: upstream.in_flight == calls)
    court.judge.wait_until(lambda upstream: upstream.in_flight == 0)


def test_a_dry_run_tells_the_judges_worst_case(court: Court) -> None:
    def worst(**parts: object) -> dict[str, Any]:
        body = {**QUESTION, "strategy": {"type": "parallel", "n": 4, **parts}, "max_tokens": 100}
        return court.stage.client.post("/v1/chat/completions?dry_run=true", json=body).json()["worst_case"]

    plain = worst()
    judged = worst(verifiers=[{**JUDGE, "max_tokens": 50}])
    assert (judged["calls"], judged["completion_tokens"]) == (4 + 4, 400 + 4 * 50)
    assert judged["cost_usd"] > plain["cost_usd"]
    assert judged["prompt_tokens"] > plain["prompt_tokens"] + 4 * 100
    written = worst(verifiers=[{**JUDGE, "max_tokens": 50}], aggregator={"type": "synthesis", "max_tokens": 70})
    assert (written["calls"], written["completion_tokens"]) == (4 + 5 + 1, 400 + 5 * 50 + 70)
    fought = worst(aggregator={"type": "tournament", "max_tokens": 10})
    assert (fought["calls"], fought["completion_tokens"]) == (4 + 8, 400 + 80)
    assert not court.stage.seen


def test_consistency_returns_the_response_that_the_model_picks(court: Court) -> None:
    court.play("It is 41", "It is 41", "It is 42", judge=says("?"))

    def pick(received: Received) -> Action:
        found = re.search(r"<response_(\d)_\w+>\nIt is 42\n", received.body["messages"][0]["content"])
        assert found
        return says(f"Choice: {found[1]}")

    court.judge.upstream.script = pick
    body = court.stage.answer({**FOUR, "n": 3, "aggregator": {"type": "consistency", "model": "judge"}})
    decision = body["quorum"]["decision"]
    assert body["choices"][0]["message"]["content"] == "It is 42"
    assert (decision["aggregator"], decision["votes"], decision["of"], decision["margin"]) == ("consistency", 1, 3, -1)
    assert decision["fallback"] is None
    assert body["quorum"]["cost"]["tokens"]["by_fate"]["verifier"] == sent(court.judged) == 2


@pytest.mark.parametrize("kind", ["consistency", "synthesis", "tournament"])
@pytest.mark.parametrize("fault", [Status(status=500), Garbage(), Silence(), NoFinish()], ids=repr)
def test_an_aggregator_whose_model_fails_leaves_it_to_the_vote(court: Court, kind: str, fault: Action) -> None:
    court.play("It is 41", "It is 42", "It is 42", judge=fault)
    body = court.stage.answer({**FOUR, "n": 3, "aggregator": {"type": kind, "model": "judge"}})
    assert body["choices"][0]["message"]["content"] == "It is 42"
    assert re.match(rf"{kind}: .*; the vote decided", body["quorum"]["decision"]["fallback"])
    called_off = kind == "tournament"  # of the other order of a match that failed, what was on its way goes uncounted
    missing = sent(court.drawn) + sent(court.judged) - body["usage"]["completion_tokens"]
    assert 0 <= missing <= (1 if called_off else 0)


def test_a_tournament_is_won_by_the_answer_that_the_judge_prefers(court: Court) -> None:
    court.play("It is 41", "It is 42", "It is 43", "It is 42", judge=says("?"))

    def prefer(received: Received) -> Action:
        first, second = re.findall(r"\nIt is (\d+)\n", received.body["messages"][0]["content"])
        return says(f"Verdict: {'A' if first > second else 'B'}")

    court.judge.upstream.script = prefer
    body = court.stage.answer({**FOUR, "aggregator": {"type": "tournament", "model": "judge"}})
    assert body["choices"][0]["message"]["content"] == "It is 43"
    assert body["quorum"]["decision"]["fallback"] is None
    assert len(court.judged) == 4  # three answers: one match a round, in both orders


WRITE = {**FOUR, "n": 3, "aggregator": {"type": "synthesis", "model": "judge", "max_tokens": 20}}


def test_synthesis_returns_what_was_written_and_lists_it(court: Court) -> None:
    court.play("It is 41", "It is 42", "It is 42", judge=says("All things weighed: it is 42"))
    body = court.stage.answer(WRITE)
    written = body["quorum"]["candidates"][-1]
    assert body["choices"][0]["message"]["content"] == "All things weighed: it is 42"
    assert (written["id"], written["synthesized"], written["fate"], written["round"]) == ("c3", True, "selected", 1)
    assert (written["completion_tokens"], written["text"]) == (6, "All things weighed: it is 42")
    decision = body["quorum"]["decision"]
    assert (decision["winner"], decision["fallback"], decision["votes"], decision["of"]) == ("c3", None, 2, 3)
    assert body["quorum"]["cost"]["tokens"]["by_fate"]["verifier"] == 0
    assert body["usage"]["completion_tokens"] == sent(court.drawn) + sent(court.judged)
    dollars = sum(
        price * (request.call.prompt_tokens + 2 * request.sent_tokens) / 1_000_000
        for price, requests in ((1, court.drawn), (10, court.judged))
        for request in requests
    )
    assert body["quorum"]["cost"]["usd"] == pytest.approx(dollars)


def test_what_is_written_is_held_to_the_callers_fields_and_verdicts_are_not(court: Court) -> None:
    court.play("41", "42", "42", judge=says("42"))
    fields = {"response_format": {"type": "json_object"}, "stop": ["\n\n"], "top_p": 0.5}
    not_his = {"tools": [{"type": "function", "function": {"name": "add"}}], "tool_choice": "auto", "logprobs": True}
    court.stage.answer({**WRITE, "verifiers": [JUDGE]}, temperature=0.9, max_tokens=9, seed=7, **fields, **not_his)
    (written,) = [one.body for one in court.judged if one.body["max_tokens"] == 20]
    assert {name: written[name] for name in fields} == fields
    assert (written["temperature"], not_his.keys() & written.keys(), "seed" in written) == (0.0, set(), False)
    verdict = next(one.body for one in court.judged if one.body["max_tokens"] == 256)
    assert not (fields.keys() | not_his.keys()) & verdict.keys()


@pytest.mark.parametrize(
    ("text", "why"), [("", "it is empty"), ("word " * 30, "max_tokens cut it off"), ("It is 41", "failed verification")]
)
def test_what_was_written_and_does_not_count_stays_listed_as_rejected(court: Court, text: str, why: str) -> None:
    court.play("It is 42", "It is 42", "It is 42", judge=says(text))
    body = court.stage.answer({**WRITE, "verifiers": [{"type": "math", "answer": "42"}]})
    assert body["choices"][0]["message"]["content"] == "It is 42"
    assert fates(body) == ["selected", "counted", "counted", "rejected"]
    assert body["quorum"]["candidates"][-1]["reason"] == why
    assert why in body["quorum"]["decision"]["fallback"]
    assert body["usage"]["completion_tokens"] == sent(court.drawn) + sent(court.judged)


def test_what_was_written_is_judged_like_the_others(court: Court) -> None:
    court.play("It is 41", "It is 42", judge=(says("Score: 9"), says("Score: 9"), says("So: 42"), says("Score: 8")))
    body = court.stage.answer({**WRITE, "n": 2, "verifiers": [JUDGE]})
    assert body["quorum"]["candidates"][-1]["verdict"]["score"] == 0.8
    assert body["choices"][0]["message"]["content"] == "So: 42"
    assert body["quorum"]["cost"]["tokens"]["by_fate"]["verifier"] == 3 * 2


def test_streaming_under_synthesis_streams_what_was_written(court: Court) -> None:
    court.play("It is 41", "It is 42", "It is 42", judge=says("All things weighed: it is 42"))
    with court.stage.client.stream(
        "POST", "/v1/chat/completions", json={**QUESTION, "strategy": WRITE, "stream": True}
    ) as response:
        lines = [line.removeprefix("data: ") for line in events(response) if line.startswith("data: ")]
    *chunks, done = lines
    decoded = [msgspec.json.decode(chunk, type=dict[str, Any]) for chunk in chunks]
    text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in decoded)
    assert (text, done) == ("All things weighed: it is 42", "[DONE]")
    assert decoded[-1]["quorum"]["decision"]["winner"] == "c3"


def test_the_budget_keeps_room_for_the_aggregator(court: Court) -> None:
    court.play("a 41", "a 42", "a 42", judge=says("All things weighed: it is 42"))
    strategy = {**WRITE, "n": 9, "budget": {"max_completion_tokens": 5 * 3 + 20}}
    body = court.stage.answer(strategy, max_tokens=5)
    assert body["quorum"]["decision"]["winner"] == "c9"
    assert body["usage"]["completion_tokens"] <= 35


def test_a_budget_that_has_no_room_for_the_aggregator_leaves_it_to_the_vote(court: Court) -> None:
    court.play("It is 41", "It is 42", "It is 42", judge=says("Never said."))
    body = court.stage.answer({**WRITE, "budget": {"max_completion_tokens": 16}}, max_tokens=5)
    assert "the budget has no room for it; the vote decided" in body["quorum"]["decision"]["fallback"]
    assert body["choices"][0]["message"]["content"] == "It is 42"
    assert not court.judged


def test_a_deadline_during_the_writing_leaves_it_to_the_vote(court: Court) -> None:
    court.play("It is 41", "It is 42", "It is 42", judge=SLOW)
    aggregator = {"type": "synthesis", "model": "judge"}
    body = court.stage.answer({**WRITE, "aggregator": aggregator, "budget": {"deadline_s": 0.6}})
    assert "the run's time is up; the vote decided" in body["quorum"]["decision"]["fallback"]
    assert body["choices"][0]["message"]["content"] == "It is 42"
    court.judge.wait_until(lambda upstream: upstream.in_flight == 0)
    assert body["quorum"]["cost"]["tokens"]["by_fate"]["verifier"] > 0


def test_the_embedded_kind_of_worker_judges_too(llama: Stage) -> None:
    llama.play(lambda received: says("Score: 9" if is_judging(received) else "The answer is 42."))
    body = llama.answer({**FOUR, "verifiers": ["judge"]})
    assert verdicts(body) == ["pass"] * 4
    assert body["usage"]["completion_tokens"] == sent(llama.seen)


def test_the_judge_goes_by_its_own_sampling_and_not_by_the_requests(court: Court) -> None:
    court.stage.answer({**FOUR, "n": 1, "verifiers": [JUDGE]}, temperature=0.9)
    assert court.judged[0].body["temperature"] == 0.0
    assert court.judged[0].body["max_tokens"] == 256
