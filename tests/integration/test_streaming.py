"""Streams are OpenAI's: chunks, comments, one last chunk with the account, `[DONE]` always."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.scripted.actions import ErrorInStream, HalfBody
from tests.scripted.reply import Reply, ToolCall
from tests.scripted.scripts import always, in_turn
from tests.stage import events

if TYPE_CHECKING:
    from tests.stage import Stage

STRATEGIES = ["single", "parallel-3", "sequential-2", "hybrid-2x2", "hybrid-1+2", "reject-2"]
ANSWER = Reply(texts=("The answer is 42.",))
PACED = Reply(texts=("The answer is 42.",), delay_per_chunk_s=0.05)


def streamed(stage: Stage, strategy: object, **fields: object) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the chunks and the comments of a streamed request; checks its frame."""
    response = stage.ask(strategy, stream=True, **fields)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/event-stream")
    lines = list(events(response))
    assert lines[-1] == "data: [DONE]"
    comments = [line for line in lines if line.startswith(":")]
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines[:-1] if line.startswith("data: ")]
    assert len(comments) + len(chunks) + 1 == len(lines)
    return chunks, comments


def text_of(chunks: list[dict[str, Any]], index: int = 0, *, field: str = "content") -> str:
    choices = (choice for chunk in chunks for choice in chunk["choices"] if choice["index"] == index)
    return "".join(choice["delta"].get(field) or "" for choice in choices)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_streams_its_answer_and_its_account(stage: Stage, strategy: str) -> None:
    stage.play(always(ANSWER))
    chunks, _ = streamed(stage, strategy)
    assert text_of(chunks) == "The answer is 42."
    last = chunks[-1]
    assert last["choices"][0]["finish_reason"] == "stop"
    assert last["usage"]["completion_tokens"] == sum(row["completion_tokens"] for row in last["quorum"]["candidates"])
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert all(chunk["choices"] for chunk in chunks)
    assert all(choice["finish_reason"] is None for chunk in chunks[:-1] for choice in chunk["choices"])


def test_usage_comes_in_a_chunk_of_its_own_where_the_client_asks_for_it(stage: Stage) -> None:
    stage.play(always(ANSWER))
    for strategy in ("single", "parallel-2"):
        chunks, _ = streamed(stage, strategy, stream_options={"include_usage": True})
        assert chunks[-1]["choices"] == []
        assert chunks[-1]["usage"]["total_tokens"] > 0
        assert chunks[-1]["quorum"]["run_id"]
        assert chunks[-2]["choices"][0]["finish_reason"] == "stop"


def test_progress_is_told_in_comments(stage: Stage) -> None:
    stage.play(always(ANSWER))
    chunks, comments = streamed(stage, {"type": "parallel", "n": 3, "stop": "none"})
    assert len(comments) == 3
    assert not any("progress" in str(chunk.get("quorum", "")) for chunk in chunks[:-1])


def test_progress_is_told_in_chunks_where_the_client_asks_for_it(stage: Stage) -> None:
    stage.play(always(ANSWER))
    spec = {"type": "parallel", "n": 3, "stop": "none"}
    chunks, comments = streamed(stage, spec, stream_options={"include_quorum": True})
    told = [chunk["quorum"]["progress"] for chunk in chunks if "progress" in chunk.get("quorum", {})]
    assert [one["back"] for one in told] == [1, 2, 3]
    assert {one["answer"] for one in told} == {"42"}
    assert not comments


def test_single_is_streamed_while_it_is_generated(stage: Stage) -> None:
    stage.play(always(Reply(texts=("one two three",), delay_per_chunk_s=0.05)))
    chunks, _ = streamed(stage, "single")
    pieces = [
        choice["delta"]["content"] for chunk in chunks for choice in chunk["choices"] if choice["delta"].get("content")
    ]
    assert pieces == ["one", " two", " three"]


def test_several_choices_of_single_keep_their_numbers(stage: Stage) -> None:
    stage.play(in_turn(Reply(texts=("first",)), Reply(texts=("second",))))
    chunks, _ = streamed(stage, "single", n=2)
    assert sorted([text_of(chunks, 0), text_of(chunks, 1)]) == ["first", "second"]
    ends = [choice["index"] for chunk in chunks for choice in chunk["choices"] if choice["finish_reason"]]
    assert sorted(ends) == [0, 1]


def test_several_answers_of_a_strategy_are_streamed_best_first(stage: Stage) -> None:
    stage.play(in_turn(*(Reply(texts=(f"The answer is {n}.",)) for n in (7, 42, 42))))
    chunks, _ = streamed(stage, "parallel-3", n=2)
    assert "42" in text_of(chunks, 0)
    assert "7" in text_of(chunks, 1)


def test_thinking_tool_calls_and_logprobs_are_streamed_too(stage: Stage) -> None:
    reply = Reply(texts=("Calling.",), reasoning="Let me see.", tool_calls=(ToolCall(name="f", arguments='{"x": 1}'),))
    stage.play(always(reply))
    for strategy in ("single", "parallel-2"):
        chunks, _ = streamed(stage, strategy, logprobs=True)
        deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
        assert "".join(delta.get("reasoning") or "" for delta in deltas) == "Let me see."
        calls = [call for delta in deltas for call in delta.get("tool_calls") or ()]
        assert calls[0]["function"]["name"] == "f"
        assert "".join(call["function"].get("arguments") or "" for call in calls) == '{"x": 1}'
        assert any(choice["logprobs"] for chunk in chunks for choice in chunk["choices"])
        assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_thinking_in_tags_is_kept_apart_as_in_an_answer_that_is_not_streamed(stage: Stage) -> None:
    stage.play(always(Reply(texts=("<think> Let me see. </think> The tag </think> ends it.",))))
    message = stage.answer("single")["choices"][0]["message"]
    assert (message["reasoning"], message["content"]) == ("Let me see.", "The tag </think> ends it.")
    for strategy in ("single", "parallel-2"):
        chunks, _ = streamed(stage, strategy)
        assert (text_of(chunks, field="reasoning"), text_of(chunks)) == (message["reasoning"], message["content"])


def test_thinking_is_streamed_as_reasoning_whatever_the_worker_calls_it(stage: Stage) -> None:
    stage.play(always(Reply(texts=("4",), reasoning="Let me see.", reasoning_field="reasoning_content")))
    chunks, _ = streamed(stage, "single")
    assert (text_of(chunks, field="reasoning"), text_of(chunks)) == ("Let me see.", "4")
    assert "reasoning_content" not in json.dumps(chunks)


@pytest.mark.parametrize(
    "fault", [ErrorInStream(reply=PACED, after_chunks=3), HalfBody(reply=PACED, after_chunks=3)], ids=repr
)
def test_an_error_after_the_first_byte_is_an_event_and_never_text(stage: Stage, fault: Any) -> None:  # noqa: ANN401 - any fault
    stage.play(always(fault))
    response = stage.ask("single", stream=True)
    lines = list(events(response))
    assert lines[-1] == "data: [DONE]"
    error = json.loads(lines[-2].removeprefix("data: "))
    assert error["error"]["code"] == "all_candidates_failed"
    text = "".join(lines[:-2])
    assert "EngineCore" not in text
    assert '"finish_reason":"stop"' not in text


def test_the_run_id_is_in_the_headers_of_a_stream(stage: Stage) -> None:
    stage.play(always(ANSWER))
    response = stage.ask("parallel-2", stream=True)
    assert response.headers["X-Quorum-Run-Id"] in response.text
    assert response.headers["X-Quorum-Strategy"] == "parallel"
