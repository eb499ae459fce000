from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.scripted.reply import Reply
from tests.scripted.scripts import always, in_turn

if TYPE_CHECKING:
    from tests.stage import Stage


def says(*texts: str) -> tuple[Reply, ...]:
    return tuple(Reply(texts=(text,)) for text in texts)


def test_parallel_returns_the_answer_that_most_candidates_give(stage: Stage) -> None:
    stage.play(in_turn(*says("It is 41.", "The answer is 42.", "The answer is 42.", "The answer is 42", "no 7")))
    body = stage.answer("parallel-5", n=None)
    assert body["quorum"]["decision"]["agreement"] >= 0.6
    assert "42" in body["choices"][0]["message"]["content"]


def test_parallel_stops_once_the_vote_is_decided(stage: Stage) -> None:
    answers = [*says(*["The answer is 42."] * 5), *[Reply(texts=("The answer is 41.",), delay_first_s=5)] * 3]
    stage.play(in_turn(*answers))
    decision = stage.answer("parallel-8")["quorum"]["decision"]
    assert decision["stopped_by"] == "decided"
    assert decision["votes"] == decision["of"] in {4, 5}  # the tie rule lets 4 of 8 do, if c0 is among them


def test_without_a_stop_rule_everything_is_drawn(stage: Stage) -> None:
    stage.play(always(Reply(texts=("The answer is 42.",))))
    body = stage.answer({"type": "parallel", "n": 6, "stop": "none"})
    assert body["quorum"]["decision"]["of"] == 6
    assert body["quorum"]["decision"]["stopped_by"] is None


def test_waves_are_drawn_one_after_the_other(stage: Stage) -> None:
    stage.play(in_turn(*says("The answer is 1", "The answer is 2", "The answer is 3", "The answer is 3")))
    body = stage.answer({"type": "parallel", "n": 6, "wave": 2, "stop": "none"})
    assert len(stage.seen) == 6
    assert body["quorum"]["decision"]["winner"] == "c2"


def test_sequential_rounds_extend_the_conversation_with_the_earlier_solutions(stage: Stage) -> None:
    stage.play(in_turn(*says("The answer is 1", "The answer is 2", "The answer is 3")))
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi"},
        {"role": "user", "content": "What is 6 x 7?"},
    ]
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    stage.answer({"type": "sequential", "rounds": 3, "stop": "none"}, messages=messages, tools=tools)
    first, second, third = (request.body for request in stage.seen)
    assert first["messages"] == messages
    assert [turn["role"] for turn in second["messages"][4:]] == ["assistant", "user"]
    assert second["messages"][:4] == messages
    assert third["messages"][: len(second["messages"])] == second["messages"]
    assert third["messages"][4]["content"] == "The answer is 1"
    assert third["messages"][6]["content"] == "The answer is 2"
    assert first["tools"] == second["tools"] == third["tools"] == tools


def test_copying_from_earlier_rounds_is_measured(stage: Stage) -> None:
    stage.play(always(Reply(texts=("one two three four five six seven eight nine ten",))))
    rows = stage.answer({"type": "sequential", "rounds": 2, "stop": "none"})["quorum"]["candidates"]
    assert [row["copy_ratio"] for row in rows] == [0.0, 1.0]
    assert [row["similarity_to_previous"] for row in rows] == [None, 1.0]


def test_hybrid_chains_see_only_themselves(stage: Stage) -> None:
    stage.play(always(Reply(texts=("The answer is 42.",))))
    body = stage.answer({"type": "hybrid", "chains": 2, "rounds": 3, "stop": "none"})
    rows = body["quorum"]["candidates"]
    assert sorted((row["chain"], row["round"]) for row in rows) == [(c, r) for c in range(2) for r in range(3)]
    assert sorted(len(request.body["messages"]) for request in stage.seen) == [1, 1, 3, 3, 5, 5]


def test_hybrid_widths_draw_in_parallel_on_top_of_earlier_rounds(stage: Stage) -> None:
    stage.play(always(Reply(texts=("The answer is 42.",))))
    stage.answer({"type": "hybrid", "widths": [1, 1, 4], "stop": "none"})
    assert [len(request.body["messages"]) for request in stage.seen] == [1, 3, 5, 5, 5, 5]


def test_reject_keeps_drawing_until_a_candidate_passes(stage: Stage) -> None:
    stage.play(in_turn(*says("The answer is 1", "The answer is 2", "The answer is 42", "The answer is 3")))
    strategy = {"type": "reject", "max_attempts": 6, "verifiers": [{"type": "math", "answer": "42"}]}
    body = stage.answer(strategy)
    assert body["choices"][0]["message"]["content"] == "The answer is 42"
    assert body["quorum"]["decision"]["accepted"] is True
    fates = [(row["fate"], row["verdict"]["status"]) for row in body["quorum"]["candidates"]]
    assert fates == [("rejected", "fail"), ("rejected", "fail"), ("selected", "pass")]
    assert "wrong" in stage.seen[1].body["messages"][-1]["content"]


def test_reject_that_accepts_nothing_decides_over_all_and_says_so(stage: Stage) -> None:
    stage.play(always(Reply(texts=("The answer is 1",))))
    body = stage.answer({"type": "reject", "max_attempts": 3, "verifiers": [{"type": "math", "answer": "42"}]})
    decision = body["quorum"]["decision"]
    assert decision["accepted"] is False
    assert decision["fallback"]
    assert len(stage.seen) == 3


def test_reject_without_exploration_draws_blindly(stage: Stage) -> None:
    stage.play(in_turn(*says("The answer is 1", "The answer is 42")))
    verifiers = [{"type": "math", "answer": "42"}]
    stage.answer({"type": "reject", "max_attempts": 3, "explore": False, "verifiers": verifiers})
    assert [len(request.body["messages"]) for request in stage.seen] == [1, 1]


def test_reject_of_duplicate_answers_collects_different_ones(stage: Stage) -> None:
    stage.play(in_turn(*says("The answer is 1", "The answer is 1", "The answer is 2")))
    strategy = {"type": "reject", "max_attempts": 5, "accept": 2, "reject_if": ["duplicate_answer"]}
    rows = stage.answer(strategy)["quorum"]["candidates"]
    assert [row["reason"] for row in rows] == [None, "duplicate answer", None]


def test_reject_of_similar_texts_asks_for_something_else(stage: Stage) -> None:
    same, other = "The cat sat on the mat and looked at the moon", "Stock prices fell sharply in early trade"
    stage.play(in_turn(*says(same, same, other)))
    strategy = {"type": "reject", "max_attempts": 5, "accept": 2, "reject_if": [{"similarity_above": 0.9}]}
    rows = stage.answer(strategy)["quorum"]["candidates"]
    assert [bool(row["reason"]) for row in rows] == [False, True, False]


def test_single_with_n_returns_n_choices_in_order(stage: Stage) -> None:
    stage.play(in_turn(*says("a", "b", "c")))
    body = stage.answer("single", n=3)
    assert sorted(choice["message"]["content"] for choice in body["choices"]) == ["a", "b", "c"]
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2]


def test_n_under_a_strategy_returns_the_best_different_answers_first(stage: Stage) -> None:
    stage.play(in_turn(*says("The answer is 7", "The answer is 42", "The answer is 42", "The answer is 9")))
    choices = stage.answer("parallel-4", n=2)["choices"]
    assert "42" in choices[0]["message"]["content"]
    assert "42" not in choices[1]["message"]["content"]


@pytest.mark.parametrize(
    "strategy",
    [
        {"type": "single"},
        {"type": "parallel", "n": 4, "stop": "none"},
        {"type": "sequential", "rounds": 3, "stop": "none"},
        {"type": "hybrid", "chains": 2, "rounds": 2, "stop": "none"},
        {"type": "reject", "max_attempts": 3, "reject_if": ["duplicate_answer"], "accept": 2},
    ],
    ids=lambda strategy: strategy["type"],
)
def test_usage_is_the_sum_of_what_the_worker_sent(stage: Stage, strategy: dict[str, object]) -> None:
    stage.play(always(Reply(texts=("three short words",))))
    body = stage.answer(strategy)
    sent = sum(request.sent_tokens for request in stage.seen)
    rows = body["quorum"]["candidates"]
    assert body["usage"]["completion_tokens"] == sum(row["completion_tokens"] for row in rows) == sent
    assert sum(body["quorum"]["cost"]["tokens"]["by_fate"].values()) == sent


def test_padding_puts_irrelevant_text_before_the_question(stage: Stage) -> None:
    stage.answer({"type": "parallel", "n": 1, "context": {"pad_tokens": 300}})
    content = stage.seen[0].body["messages"][0]["content"]
    assert content.endswith("What is 6 x 7?")
    assert len(content.split()) > 300


def test_a_temperature_ladder_and_seeds_differ_by_candidate(stage: Stage) -> None:
    sampling = {"temperature": [0.2, 0.9]}
    stage.answer({"type": "parallel", "n": 4, "sampling": sampling, "stop": "none"}, seed=10)
    assert sorted((r.body["seed"], r.body["temperature"]) for r in stage.seen) == [
        (10, 0.2), (11, 0.9), (12, 0.2), (13, 0.9)
    ]  # fmt: skip


def test_thinking_is_kept_apart_and_out_of_later_rounds(stage: Stage) -> None:
    stage.play(always(Reply(texts=("The answer is 42",), reasoning="let me think about secrets")))
    body = stage.answer({"type": "sequential", "rounds": 2, "stop": "none", "include": ["texts"]})
    assert body["choices"][0]["message"]["reasoning"] == "let me think about secrets"
    assert "secrets" not in str(stage.seen[1].body["messages"])


def test_llama_cpp_gets_siblings_in_requests_of_at_most_its_slots(llama: Stage) -> None:
    llama.play(always(Reply(texts=("The answer is 42.",))))
    body = llama.answer({"type": "parallel", "n": 6, "stop": "none"})
    assert sorted(request.call.n for request in llama.seen) == [2, 4]
    assert body["quorum"]["decision"]["of"] == 6
    assert body["usage"]["completion_tokens"] == sum(request.sent_tokens for request in llama.seen)
